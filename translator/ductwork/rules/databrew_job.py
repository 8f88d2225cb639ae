"""GlueDataBrewStartJobOperator: the machine starts a run of the job, and looks for its end."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir.aws_call import Answer, AwsCall, Check, Kept
from ductwork.rules.aws_calls import Given, call_rule, waiter
from ductwork.rules.base import Decline

_OPERATOR = "airflow.providers.amazon.aws.operators.glue_databrew.GlueDataBrewStartJobOperator"
# The operator takes every end for success.
_ENDED = ("STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT")
# Its hook spells the member that says how often otherwise than boto3, which then looks as often as the waiter has it.
_ATTEMPTS = 60


def _start(given: Given) -> AwsCall | Decline:
    if given.constant("deferrable"):
        return Decline("deferrable is set, whose trigger waits in a way of its own, so a worker starts the run")
    job, waits = given["job_name"], bool(given.constant("wait_for_completion"))
    looks = waiter(
        "job_complete",
        ("databrew", "DescribeJobRun", {"Name": job, "RunId": Kept("run")}),
        done=Check(("State",), _ENDED),
        delay=given.number("waiter_delay", 30),
        attempts=_ATTEMPTS,
    )
    return AwsCall(
        why="the machine starts a run of the job" + (" and waits for its end" if waits else ""),
        service="databrew",
        action="StartJobRun",
        arguments={"Name": job},
        keeps={"run": Answer(("RunId",))},
        returns={"run_id": Kept("run")},
        waits=looks if waits else None,
    )


RULE = call_rule(
    "databrew_job",
    {_OPERATOR: _start},
    f"{AMAZON_PROVIDER}/operators/glue_databrew.html",
    arguments={"Name": "job_name"},
)
