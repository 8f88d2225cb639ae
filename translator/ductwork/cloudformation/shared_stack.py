"""The template that all DAGs share: the ledger, a job queue with what runs its jobs, the log of the jobs.

Whatever exists already may take the place of what is made here: a queue, a ledger, the log group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ductwork.cloudformation import status_resources
from ductwork.cloudformation.dag_parameters import BOUNDARY, boundary, optional, retention
from ductwork.cloudformation.intrinsics import Resource, Value, arn, att, is_given, ref, sub, when
from ductwork.contracts import default_names
from ductwork.contracts import ledger as schema
from ductwork.contracts.default_names import JOB_LOG_GROUP
from ductwork.contracts.json_types import JsonObject

# What the stacks of DAGs import, see dag_stack.imported.
TABLE, TABLE_ARN, QUEUE_ARN = "LedgerTable", "LedgerTableArn", "JobQueueArn"
STATUS_ARN, EVENT_ROLE_ARN = "StatusMachineArn", "StatusEventRoleArn"
_MAKES_TABLE, _MAKES_QUEUE, _MAKES_LOG = "MakesLedger", "MakesQueue", "MakesJobLog"
_ON_INSTANCES, _IS_SPOT, _HAS_SERVICE_ROLE = "OnInstances", "OnSpotInstances", "HasServiceRole"
# How long an instance's job may wait to be placed, in seconds, before it is cancelled: a misconfigured queue.
_STUCK = ("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE", "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")
_STUCK_SECONDS = 3_600


def template() -> JsonObject:
    """The template as JSON data."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "What all DAGs share that Ductwork has compiled: the ledger and a job queue",
        "Parameters": _parameters(),
        "Rules": {"JobsHaveAVpc": _needs_vpc()},
        "Conditions": _conditions(),
        "Resources": {
            **_ledger(),
            **_queue(),
            **_instances(),
            "JobLog": _job_log(),
            **status_resources.of_shared_stack(_queue_arn()),
        },
        "Outputs": _outputs(),
    }


def _parameters() -> dict[str, Resource]:
    return {
        "LedgerTableName": {
            "Type": "String",
            "Default": default_names.LEDGER_TABLE,
            "AllowedPattern": "[A-Za-z0-9_.-]{3,255}",
            "Description": "Name of the ledger's table",
        },
        "UseExistingLedger": _yes_or_no("The ledger's table is there already"),
        "ExistingJobQueueArn": optional("ARN of a job queue that is there already; nothing is made to run jobs then"),
        "ComputeType": {
            "Type": "String",
            "Default": "FARGATE",
            "AllowedValues": ["FARGATE", "FARGATE_SPOT", "EC2", "SPOT"],
            "Description": "What runs the jobs",
        },
        "MaxvCpus": {"Type": "Number", "Default": 64, "MinValue": 1, "Description": "vCPUs that jobs have at a time"},
        "VpcId": {"Type": "String", "Description": "VPC of the jobs; empty with ExistingJobQueueArn"},
        "SubnetIds": {"Type": "CommaDelimitedList", "Description": "Subnets of the jobs; empty likewise"},
        "BatchServiceRole": optional("ARN of a role for Batch, in place of its service-linked role"),
        "UseExistingJobLog": _yes_or_no(f"The log group {JOB_LOG_GROUP} is there already"),
        "LogRetentionDays": retention("what jobs print"),
        "PermissionsBoundary": boundary(),
    }


def _queue_arn() -> Value:
    return when(_MAKES_QUEUE, ref("JobQueue"), ref("ExistingJobQueueArn"))


def _yes_or_no(description: str) -> Resource:
    return {"Type": "String", "Default": "false", "AllowedValues": ["true", "false"], "Description": description}


def _needs_vpc() -> Mapping[str, Value]:
    says = {"Fn::Not": [{"Fn::Equals": [ref("VpcId"), ""]}]}
    return {
        "RuleCondition": {"Fn::Equals": [ref("ExistingJobQueueArn"), ""]},
        "Assertions": [{"Assert": says, "AssertDescription": "Without ExistingJobQueueArn give VpcId and SubnetIds"}],
    }


def _conditions() -> dict[str, Value]:
    def is_(parameter: str, value: str) -> Value:
        return {"Fn::Equals": [ref(parameter), value]}

    return {
        BOUNDARY: is_given("PermissionsBoundary"),
        _MAKES_TABLE: is_("UseExistingLedger", "false"),
        _MAKES_QUEUE: is_("ExistingJobQueueArn", ""),
        _MAKES_LOG: is_("UseExistingJobLog", "false"),
        _HAS_SERVICE_ROLE: is_given("BatchServiceRole"),
        _ON_INSTANCES: {
            "Fn::And": [
                {"Condition": _MAKES_QUEUE},
                {"Fn::Or": [is_("ComputeType", "EC2"), is_("ComputeType", "SPOT")]},
            ]
        },
        _IS_SPOT: is_("ComputeType", "SPOT"),
    }


def _ledger() -> dict[str, Resource]:
    """The table that ledger/table.py makes, protected against being deleted, and kept when the stack is."""

    def keys(partition: str, sort: str) -> list[Mapping[str, str]]:
        return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]

    properties = {
        "TableName": ref("LedgerTableName"),
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": keys("pk", "sk"),
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "dag_id", "started_at")
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": schema.INDEX_BY_DAG,
                "KeySchema": keys("dag_id", "started_at"),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "TimeToLiveSpecification": {"AttributeName": schema.TTL_ATTRIBUTE, "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "DeletionProtectionEnabled": True,
    }
    return {"Ledger": _kept("AWS::DynamoDB::Table", _MAKES_TABLE, properties)}


def _kept(kind: str, condition: str, properties: Resource) -> Resource:
    return {
        "Type": kind,
        "Condition": condition,
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": properties,
    }


def _job_log() -> Resource:
    properties = {"LogGroupName": JOB_LOG_GROUP, "RetentionInDays": ref("LogRetentionDays")}
    return _kept("AWS::Logs::LogGroup", _MAKES_LOG, properties)


def _made(kind: str, properties: Resource, condition: str = _MAKES_QUEUE) -> Resource:
    return {"Type": kind, "Condition": condition, "Properties": properties}


def _queue() -> dict[str, Resource]:
    egress = [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0", "Description": "AWS's services and what tasks call"}]
    group = {"GroupDescription": "Jobs of Ductwork", "VpcId": ref("VpcId"), "SecurityGroupEgress": egress}
    on_instances = {"InstanceRole": att("InstanceProfile"), "InstanceTypes": ["optimal"], "MinvCpus": 0}
    strategy = when(_IS_SPOT, "SPOT_PRICE_CAPACITY_OPTIMIZED", "BEST_FIT_PROGRESSIVE")
    resources = {
        "Type": ref("ComputeType"),
        "MaxvCpus": ref("MaxvCpus"),
        "Subnets": ref("SubnetIds"),
        "SecurityGroupIds": [att("JobSecurityGroup", "GroupId")],
        **{name: when(_ON_INSTANCES, value) for name, value in on_instances.items()},
        "AllocationStrategy": when(_ON_INSTANCES, strategy),
    }
    environment = {
        "Type": "MANAGED",
        "ServiceRole": when(_HAS_SERVICE_ROLE, ref("BatchServiceRole")),
        "ComputeResources": resources,
    }
    # One that is misconfigured would keep its jobs waiting for ever.
    limits = [
        {"Action": "CANCEL", "State": "RUNNABLE", "MaxTimeSeconds": _STUCK_SECONDS, "Reason": reason}
        for reason in _STUCK
    ]
    queue = {
        "Priority": 1,
        "ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": ref("ComputeEnvironment")}],
        "JobStateTimeLimitActions": limits,
    }
    return {
        "JobSecurityGroup": _made("AWS::EC2::SecurityGroup", group),
        "ComputeEnvironment": _made("AWS::Batch::ComputeEnvironment", environment),
        "JobQueue": _made("AWS::Batch::JobQueue", queue),
    }


def _instances() -> dict[str, Resource]:
    """What EC2 instances need; Fargate has none."""
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role")
    role = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "ManagedPolicyArns": [policy],
        "PermissionsBoundary": when(BOUNDARY, ref("PermissionsBoundary")),
    }
    return {
        "InstanceRole": _made("AWS::IAM::Role", role, _ON_INSTANCES),
        "InstanceProfile": _made("AWS::IAM::InstanceProfile", {"Roles": [ref("InstanceRole")]}, _ON_INSTANCES),
    }


def _outputs() -> dict[str, Resource]:
    values: Sequence[tuple[str, Value]] = (
        (TABLE, ref("LedgerTableName")),
        (TABLE_ARN, arn("dynamodb", "table/${LedgerTableName}")),
        (QUEUE_ARN, _queue_arn()),
        (STATUS_ARN, ref(status_resources.MACHINE)),
        (EVENT_ROLE_ARN, att(status_resources.EVENT_ROLE)),
    )
    return {name: {"Value": value, "Export": {"Name": sub(f"${{AWS::StackName}}-{name}")}} for name, value in values}
