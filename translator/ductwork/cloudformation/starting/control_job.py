"""The job that restarts, skips and cancels runs: its definition and its roles.

Such a request changes what the ledger has of a run, which takes Ductwork's own code: the job runs the workers' image.
"""

from __future__ import annotations

from collections.abc import Mapping

from ductwork.cloudformation.intrinsics import NO_VALUE, Resource, Value, arn, att, ref, when
from ductwork.cloudformation.job_policies import LIST_JOBS_WHY, REGISTRY_WHY
from ductwork.cloudformation.machine_policy import DESCRIBE_WHY
from ductwork.cloudformation.starting.machines import Places, Resources
from ductwork.cloudformation.statements import Statement, everywhere, further_policies, role
from ductwork.contracts.default_names import JOB_LOG_GROUP
from ductwork.contracts.ledger import INDEX_BY_DAG

DEFINITION = "ControlJob"
_ROLE, _EXECUTION_ROLE, _ON_FARGATE = "ControlRole", "ControlExecutionRole", "ControlOnFargate"
_LEDGER = (
    "dynamodb:BatchGetItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
)
PARAMETERS: Mapping[str, Resource] = {
    "ControlImage": {"Type": "String", "Description": "Image with Ductwork, for jobs that restart, skip and cancel"},
    "ControlRepository": {
        "Type": "String",
        "Default": "*",
        "Description": "ECR repository of that image, in this account and Region; * is any",
    },
    "ControlPlatform": {
        "Type": "String",
        "Default": "FARGATE",
        "AllowedValues": ["FARGATE", "EC2"],
        "Description": "What the job queue places such jobs on",
    },
}
CONDITIONS: Mapping[str, Value] = {_ON_FARGATE: {"Fn::Equals": [ref("ControlPlatform"), "FARGATE"]}}


def resources(places: Places) -> Resources:
    """The job definition as the logical id :data:`DEFINITION`, and its roles."""
    allowed, source = _allowed(places), [arn("ecs", "*")]
    return {
        _ROLE: role("ecs-tasks.amazonaws.com", source, allowed),
        **further_policies(_ROLE, allowed),
        _EXECUTION_ROLE: role("ecs-tasks.amazonaws.com", source, _of_execution()),
        DEFINITION: {"Type": "AWS::Batch::JobDefinition", "Properties": _definition()},
    }


def _definition() -> Mapping[str, Value]:
    container = {
        "Image": ref("ControlImage"),
        "Command": ["ductwork", "--version"],
        "JobRoleArn": att(_ROLE),
        "ExecutionRoleArn": att(_EXECUTION_ROLE),
        "ResourceRequirements": [{"Type": "VCPU", "Value": "1"}, {"Type": "MEMORY", "Value": "2048"}],
        "NetworkConfiguration": when(_ON_FARGATE, {"AssignPublicIp": "ENABLED"}, NO_VALUE),
    }
    return {
        "Type": "container",
        "PlatformCapabilities": [ref("ControlPlatform")],
        "ContainerProperties": container,
        "RetryStrategy": {"Attempts": 1},
    }


def _allowed(places: Places) -> list[Statement]:
    """What ``ductwork restart``, ``skip`` and ``cancel`` call, on the DAGs that may be started here."""
    machines = tuple(places.machines.values())
    index = {"Fn::Join": ["", [places.ledger_arn, f"/index/{INDEX_BY_DAG}"]]}
    runs = places.executions(with_parts=True)
    return [
        Statement("Ledger", _LEDGER, (places.ledger_arn,)),
        Statement("RunsOfDag", ("dynamodb:Query",), (index,)),
        Statement("StartRuns", ("states:DescribeStateMachine", "states:StartExecution"), machines),
        Statement("LookAtRuns", ("states:DescribeExecution", "states:GetExecutionHistory"), runs),
        Statement("EndRuns", ("states:StopExecution",), places.executions()),
        everywhere("LookAtJobs", ["batch:DescribeJobs"], DESCRIBE_WHY),
        everywhere("FindJobs", ["batch:ListJobs"], LIST_JOBS_WHY),
        Statement("EndJobs", ("batch:TerminateJob",), (arn("batch", "job/*"),)),
    ]


def _of_execution() -> list[Statement]:
    """What starting the container takes."""
    pull = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    return [
        everywhere("LogIn", ["ecr:GetAuthorizationToken"], REGISTRY_WHY),
        Statement("PullImage", pull, (arn("ecr", "repository/${ControlRepository}"),)),
        Statement(
            "WriteLogs", ("logs:CreateLogStream", "logs:PutLogEvents"), (arn("logs", f"log-group:{JOB_LOG_GROUP}:*"),)
        ),
    ]
