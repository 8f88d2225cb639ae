"""EmrContainerOperator: the machine starts a job of EMR on EKS, and looks for its end."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir.aws_call import Answer, AwsCall, Check, Failure, Kept, Looks, MadeUp, Phrase
from ductwork.rules.aws_calls import Given, call_rule, given_members
from ductwork.rules.base import Decline

_OPERATOR = "airflow.providers.amazon.aws.operators.emr.EmrContainerOperator"
_MEMBERS = {
    "name": "name",
    "virtualClusterId": "virtual_cluster_id",
    "executionRoleArn": "execution_role_arn",
    "releaseLabel": "release_label",
    "jobDriver": "job_driver",
}
_OPENLINEAGE = ("openlineage_inject_parent_job_info", "openlineage_inject_transport_info")
_STATE, _JOB = ("jobRun", "state"), Kept("job")
_REASON = Phrase((Answer(("jobRun", "failureReason")), " - ", Answer(("jobRun", "stateDetails"))), otherwise="None")


def _start(given: Given) -> AwsCall | Decline:
    if name := given.is_set(*_OPENLINEAGE):
        return Decline(f"{name} is set, and only Airflow knows what it tells the job, so a worker starts it")
    if given.constant("deferrable"):
        return Decline("deferrable is set, whose trigger waits in a way of its own, so a worker starts the job")
    if given.task.execution_timeout:
        return Decline("execution_timeout is set, and the operator cancels the job then, so a worker starts it")
    waits, tries = given.constant("wait_for_completion"), given.constant("job_retry_max_attempts")
    return AwsCall(
        why="the machine starts the job" + (" and waits for its end" if waits else ""),
        service="emr-containers",
        action="StartJobRun",
        arguments=given_members(
            **{member: given[argument] for member, argument in _MEMBERS.items()},
            configurationOverrides=given["configuration_overrides"] or {},
            tags=given["tags"] or {},
            clientToken=given["client_request_token"] or MadeUp(),
            retryPolicyConfiguration={"maxAttempts": tries} if tries else None,
        ),
        keeps={"job": Answer(("id",))},
        returns=_JOB,
        failures=(Failure(Check(_STATE, ("FAILED", "CANCELLED", "CANCEL_PENDING")), _FAILED),) if waits else (),
        waits=_looks(given) if waits else None,
    )


def _looks(given: Given) -> Looks:
    delay, attempts = given.number("poll_interval", 30), given.number("max_polling_attempts", 0)
    return Looks(
        service="emr-containers",
        action="DescribeJobRun",
        arguments={"virtualClusterId": given["virtual_cluster_id"], "id": _JOB},
        done=Check(_STATE, ("COMPLETED",)),
        delay=delay,
        limit=delay * attempts or None,
        gives_up=Phrase(
            (
                *("AirflowException: Final state of EMR Containers job is ", Answer(_STATE)),
                *(". Max tries of poll status exceeded, query_execution_id is ", _JOB, "."),
            )
        ),
    )


_FAILED = Phrase(
    (
        *("AirflowException: EMR Containers job failed. Final state is ", Answer(_STATE)),
        *(". query_execution_id is ", _JOB, ". Error: ", _REASON),
    )
)


RULE = call_rule(
    "emr_container",
    {_OPERATOR: _start},
    f"{AMAZON_PROVIDER}/operators/emr/emr_eks.html",
    arguments={
        **_MEMBERS,
        "configurationOverrides": "configuration_overrides",
        "tags": "tags",
        "clientToken": "client_request_token",
        "retryPolicyConfiguration": "job_retry_max_attempts",
    },
)
