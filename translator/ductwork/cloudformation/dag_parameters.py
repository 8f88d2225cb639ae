"""The parameters of a DAG's template, and the conditions that they make."""

from __future__ import annotations

import re

from ductwork.cloudformation.intrinsics import Resource, Value, is_given, ref

BOUNDARY, ALARMS, WORKER_POLICIES = "HasBoundary", "HasAlarmTopic", "HasWorkerPolicies"
MACHINE_POLICIES = "HasMachinePolicies"
# Days that CloudWatch Logs knows: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = [
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
]
_ECR_REPOSITORY = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/([^:@]+)")


def retention(what: str) -> Resource:
    return {"Type": "Number", "Default": 30, "AllowedValues": RETENTION_DAYS, "Description": f"Days to keep {what}"}


def optional(description: str) -> Resource:
    """A parameter that may be left empty."""
    return {"Type": "String", "Default": "", "Description": description}


def boundary() -> Resource:
    return optional("ARN of a policy that bounds what the roles made here may do")


def parameters(
    *, machine_name: str, name_limit: int, image: str | None, has_workers: bool, has_bucket: bool, has_calls: bool
) -> dict[str, Resource]:
    """The parameters by name.

    :param name_limit: characters that the machine's name may have
    :param image: the default of ``WorkerImage``
    :param has_workers: workers of that image run
    :param has_bucket: definitions are read from a bucket
    :param has_calls: the machines call what operators ask for
    """
    made: dict[str, Resource] = {
        "SharedStack": {
            "Type": "String",
            "Default": "ductwork",
            "Description": "Name of the stack that all DAGs share (ductwork stack)",
        },
        "MachineName": {
            "Type": "String",
            "Default": machine_name,
            "AllowedPattern": f"[0-9A-Za-z_-]{{1,{name_limit}}}",
            "Description": "Name of the state machine",
        },
        "PermissionsBoundary": boundary(),
        "AlarmTopicArn": optional("ARN of an SNS topic for alarms; without it there are none"),
        "LogLevel": {
            "Type": "String",
            "Default": "ERROR",
            "AllowedValues": ["ALL", "ERROR", "FATAL", "OFF"],
            "Description": "What Step Functions logs of executions",
        },
        "LogRetentionDays": retention("the log of executions"),
    }
    if has_workers:
        made |= _of_workers(image)
    if has_calls:
        made["MachinePolicyArns"] = _policies("what calls of AWS need besides, such as keys of KMS, or a query's data")
    if has_bucket:
        made["DefinitionsBucket"] = {"Type": "String", "Description": "Bucket with the definitions of the machines"}
    return made


def repository_of(image: str) -> str | None:
    """The name of the ECR repository of an image; None if it is of another registry."""
    found = _ECR_REPOSITORY.match(image)
    return found[1] if found else None


def _of_workers(image: str | None) -> dict[str, Resource]:
    return {
        "WorkerImage": {
            "Type": "String",
            **({"Default": image} if image else {}),
            "Description": "Image of the workers: Ductwork and the DAG files",
        },
        "WorkerRepository": {
            "Type": "String",
            "Default": (repository_of(image) if image else None) or "*",
            "Description": "ECR repository of that image, in this account and Region; * is any",
        },
        "WorkerPolicyArns": _policies("what the code of the tasks may do"),
    }


def _policies(what: str) -> Resource:
    return {"Type": "CommaDelimitedList", "Default": "", "Description": f"ARNs of policies with {what}"}


def conditions(*, has_workers: bool, has_calls: bool) -> dict[str, Value]:
    """The conditions by name."""
    made = {BOUNDARY: is_given("PermissionsBoundary"), ALARMS: is_given("AlarmTopicArn")}
    if has_workers:
        made[WORKER_POLICIES] = _any_of("WorkerPolicyArns")
    if has_calls:
        made[MACHINE_POLICIES] = _any_of("MachinePolicyArns")
    return made


def _any_of(parameter: str) -> Value:
    """The condition that a list has anything in it."""
    return {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", ref(parameter)]}, ""]}]}
