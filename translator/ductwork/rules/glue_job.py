"""GlueJobOperator of a job that exists: the machine starts a run of it, and Step Functions waits for the run's end."""

from __future__ import annotations

from urllib.parse import quote

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir.aws_call import Answer, AwsCall, Check, Failure, Kept, Phrase, Sync
from ductwork.rules.aws_calls import OTHERS, Given, call_rule, console_link
from ductwork.rules.base import Decline

_OPERATOR = "airflow.providers.amazon.aws.operators.glue.GlueJobOperator"
# Set, the operator makes or changes the job, follows its log, or adds to its arguments what only Airflow knows.
_NEED_AIRFLOW = (
    *("script_location", "s3_bucket", "iam_role_name", "iam_role_arn", "create_job_kwargs", "update_config"),
    *("num_of_dpus", "verbose", "openlineage_inject_parent_job_info", "openlineage_inject_transport_info"),
)


def _start(given: Given) -> AwsCall | Decline:
    if name := given.is_set(*_NEED_AIRFLOW):
        return Decline(f"{name} is set, which is more than starting a run of a job that exists, so a worker does it")
    if given.constant("deferrable"):
        return Decline("deferrable is set, which marks runs by an argument of Airflow's, so a worker starts the run")
    if given.task.execution_timeout and given.task.retries:
        return Decline("after execution_timeout the next try goes on with the same run, which only a worker does")
    job, further = given["job_name"], given["run_job_kwargs"] or {}
    if not isinstance(job, str):
        return Decline("job_name depends on the run, so a worker starts the run")
    if not isinstance(further, dict):
        return Decline("run_job_kwargs is no dictionary, so a worker starts the run")
    waits = bool(given.constant("wait_for_completion"))
    run = Answer(("Id",) if waits else ("JobRunId",))
    ended = Phrase(("GlueJobRunStoppedError: Glue job run ", run, f" for job {job} ended in state '", _STATE, _INSTEAD))
    return AwsCall(
        why="the machine starts a run of the job" + (", and Step Functions waits for its end" if waits else ""),
        service="glue",
        action="StartJobRun",
        integration="glue:startJobRun",
        arguments={"JobName": job, "Arguments": given["script_args"] or {}, **further},
        keeps={"run": run},
        links={
            "glue_job_run_id": Kept("run"),
            "glue_job_run_details": console_link(job_name=quote(job, safe=""), job_run_id=Kept("run")),
        },
        returns=Kept("run"),
        failures=(Failure(Check(("JobRunState",), ("SUCCEEDED",), negated=True), ended),) if waits else (),
        waits=Sync(failed=Phrase(("AirflowException: Exiting Job ", run, " Run State: ", _STATE))) if waits else None,
    )


_STATE = Answer(("JobRunState",))
_INSTEAD = "' instead of succeeding."


RULE = call_rule(
    "glue_job",
    {_OPERATOR: _start},
    f"{AMAZON_PROVIDER}/operators/glue.html",
    arguments={"JobName": "job_name", "Arguments": "script_args", OTHERS: "run_job_kwargs"},
)
