"""What a machine's role needs for calls that operators make: by integration, the actions and what they are allowed on.

Which actions know resources: https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ductwork.cloudformation.intrinsics import Value, arn, sub
from ductwork.cloudformation.statements import Statement, everywhere
from ductwork.contracts.json_types import JsonObject

_ANY = "*"
_EC2_WHY = "EC2 knows no resources for DescribeInstances"
_NOTHING_FINER = "IAM knows no resources for it"
_QUEUE = re.compile(r"https?://[^/]+/(\d{12})/([\w.-]+)")


@dataclass(frozen=True)
class Permission:
    """What one call needs.

    :param actions: of IAM
    :param resources: makes ARNs of the Arguments of the state that makes the call
    :param why: IAM has nothing finer than all resources; then ``resources`` gives none
    """

    actions: tuple[str, ...]
    resources: Callable[[JsonObject], Iterable[Value]] = lambda arguments: ()
    why: str = ""


def statements(calls: Sequence[tuple[str, JsonObject]]) -> Iterator[Statement]:
    """The statements for calls.

    :param calls: the key of :data:`CALLS`, and the Arguments, of each
    """
    for name in sorted({name for name, _ in calls}):
        base = "Call" + "".join(filter(str.isalnum, name.title().replace("Aws-Sdk", "")))
        for number, permission in enumerate(CALLS[name]):
            sid = f"{base}{number or ''}"
            if permission.why:
                yield everywhere(sid, permission.actions, permission.why)
                continue
            found = [each for called, arguments in calls if called == name for each in permission.resources(arguments)]
            if found:
                yield Statement(sid, permission.actions, tuple({json.dumps(each): each for each in found}.values()))


def _known(value: object) -> str:
    """A text of a state's Arguments; ``*`` where it is an expression, or not there."""
    return value if isinstance(value, str) and not value.startswith("{%") else _ANY


def _by_arn(service: str, member: str, kind: str) -> Callable[[JsonObject], Iterable[Value]]:
    """A member that is an ARN.

    :param kind: how the resource part of such an ARN begins
    """

    def resources(arguments: JsonObject) -> Iterable[Value]:
        given = _known(arguments.get(member))
        return [arn(service, f"{kind}{_ANY}") if given == _ANY else sub(given)]

    return resources


def _named(service: str, member: str, place: str) -> Callable[[JsonObject], Iterable[Value]]:
    """A member that is a name, or an ARN.

    :param place: the resource part of an ARN, with ``{}`` for the name
    """

    def resources(arguments: JsonObject) -> Iterable[Value]:
        given = _known(arguments.get(member))
        return [sub(given) if given.startswith("arn:") else arn(service, place.format(given))]

    return resources


def _functions(arguments: JsonObject) -> Iterable[Value]:
    # name, name:alias, account:function:name, or an ARN; an alias or version may be a member of its own.
    given = _known(arguments.get("FunctionName"))
    if given.startswith("arn:"):
        return [sub(given), sub(f"{given}:*")]
    name = given.rpartition("function:")[2]
    return [arn("lambda", f"function:{name}"), arn("lambda", f"function:{name}:*")]


def _queues(arguments: JsonObject) -> Iterable[Value]:
    found = _QUEUE.fullmatch(_known(arguments.get("QueueUrl")))
    if found is None:
        return [arn("sqs", _ANY)]
    return [sub(f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:{found[1]}:{found[2]}")]


def _buses(arguments: JsonObject) -> Iterable[Value]:
    entries = arguments.get("Entries")
    for entry in entries if isinstance(entries, list) else [{"EventBusName": _ANY}]:
        bus = _known(entry.get("EventBusName", "default")) if isinstance(entry, Mapping) else _ANY
        yield sub(bus) if bus.startswith("arn:") else arn("events", f"event-bus/{bus}")


def _rules(arguments: JsonObject) -> Iterable[Value]:
    bus, name = _known(arguments.get("EventBusName", "default")).rpartition("/")[2], _known(arguments.get("Name"))
    return [arn("events", f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}")]


def _machines(arguments: JsonObject) -> Iterable[Value]:
    given = _known(arguments.get("StateMachineArn"))
    # A version or an alias is allowed with its machine.
    return [arn("states", "stateMachine:*") if given == _ANY else sub(":".join(given.split(":")[:7]))]


def _items(service: str, place: str, *members: str) -> Callable[[JsonObject], Iterable[Value]]:
    """A resource whose name has several members of the request in it.

    :param place: the resource part of its ARN, with a ``{}`` for each
    """
    return lambda arguments: [arn(service, place.format(*(_known(arguments.get(member)) for member in members)))]


def _objects(arguments: JsonObject) -> Iterable[Value]:
    # Without the bucket's own, AWS says "forbidden" of an object that is not there.
    bucket, key = _known(arguments.get("Bucket")), _known(arguments.get("Key"))
    return [sub(f"arn:${{AWS::Partition}}:s3:::{bucket}"), sub(f"arn:${{AWS::Partition}}:s3:::{bucket}/{key}")]


def _partitions(arguments: JsonObject) -> Iterable[Value]:
    database, table = _known(arguments.get("DatabaseName")), _known(arguments.get("TableName"))
    return [arn("glue", each) for each in ("catalog", f"database/{database}", f"table/{database}/{table}")]


def _execution(arguments: JsonObject) -> Iterable[Value]:
    given = _known(arguments.get("ExecutionArn"))
    return [arn("states", "execution:*") if given == _ANY else sub(given)]


def _workgroups(arguments: JsonObject) -> Iterable[Value]:
    return [arn("athena", "workgroup/*")]


def _instances(arguments: JsonObject) -> Iterable[Value]:
    ids = arguments.get("InstanceIds")
    return [arn("ec2", f"instance/{_known(each)}") for each in (ids if isinstance(ids, list) else [_ANY])]


def _deleted(arguments: JsonObject) -> Iterable[Value]:
    return [sub(f"arn:${{AWS::Partition}}:s3:::{_known(arguments.get('Bucket'))}/{_ANY}")]


def _notebook(arguments: JsonObject) -> Iterable[Value]:
    engine = arguments.get("ExecutionEngine")
    cluster = _known(engine.get("Id")) if isinstance(engine, Mapping) else _ANY
    editor = _known(arguments.get("EditorId"))
    for each in (f"cluster/{cluster}", f"editor/{editor}", f"notebook-execution/{_ANY}"):
        yield arn("elasticmapreduce", each)


def _passed(member: str) -> Callable[[JsonObject], Iterable[Value]]:
    """A role that is passed on.

    :param member: its name, or its ARN, which does not depend on the run
    """

    def resources(arguments: JsonObject) -> Iterable[Value]:
        role = str(arguments[member])
        return [
            sub(role if role.startswith("arn:") else f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{role}")
        ]

    return resources


_NOTEBOOK_EXECUTION = _items("elasticmapreduce", "notebook-execution/{}", "NotebookExecutionId")


def _tagged(arguments: JsonObject) -> Iterable[Value]:
    return _JOB_RUNS(arguments) if arguments.get("Tags") else ()


_JOB_RUNS = _items("emr-containers", "/virtualclusters/{}/jobruns/{}", "VirtualClusterId", "Id")


# What sensors look at.
_LOOKS: Mapping[str, Permission] = {
    "aws-sdk:s3:headObject": Permission(("s3:GetObject", "s3:ListBucket"), _objects),
    "aws-sdk:dynamodb:getItem": Permission(("dynamodb:GetItem",), _named("dynamodb", "TableName", "table/{}")),
    "aws-sdk:glue:getJobRun": Permission(("glue:GetJobRun",), _named("glue", "JobName", "job/{}")),
    "aws-sdk:glue:getCrawler": Permission(("glue:GetCrawler",), _named("glue", "Name", "crawler/{}")),
    "aws-sdk:glue:getPartitions": Permission(("glue:GetPartitions",), _partitions),
    "aws-sdk:rds:describeDBInstances": Permission(
        ("rds:DescribeDBInstances",), _named("rds", "DbInstanceIdentifier", "db:{}")
    ),
    "aws-sdk:rds:describeDBClusters": Permission(
        ("rds:DescribeDBClusters",), _named("rds", "DbClusterIdentifier", "cluster:{}")
    ),
    "aws-sdk:rds:describeDBSnapshots": Permission(
        ("rds:DescribeDBSnapshots",), _named("rds", "DbSnapshotIdentifier", "snapshot:{}")
    ),
    "aws-sdk:rds:describeDBClusterSnapshots": Permission(
        ("rds:DescribeDBClusterSnapshots",), _named("rds", "DbClusterSnapshotIdentifier", "cluster-snapshot:{}")
    ),
    "aws-sdk:rds:describeExportTasks": Permission(("rds:DescribeExportTasks",), why=_NOTHING_FINER),
    "aws-sdk:redshift:describeClusters": Permission(("redshift:DescribeClusters",), why=_NOTHING_FINER),
    "aws-sdk:lambda:getFunction": Permission(("lambda:GetFunction",), _functions),
    "aws-sdk:batch:describeComputeEnvironments": Permission(("batch:DescribeComputeEnvironments",), why=_NOTHING_FINER),
    "aws-sdk:batch:describeJobQueues": Permission(("batch:DescribeJobQueues",), why=_NOTHING_FINER),
    "aws-sdk:cloudformation:describeStacks": Permission(
        ("cloudformation:DescribeStacks",), _named("cloudformation", "StackName", "stack/{}/*")
    ),
    "aws-sdk:emrserverless:getJobRun": Permission(
        ("emr-serverless:GetJobRun",),
        _items("emr-serverless", "/applications/{}/jobruns/{}", "ApplicationId", "JobRunId"),
    ),
    "aws-sdk:emrserverless:getApplication": Permission(
        ("emr-serverless:GetApplication",), _items("emr-serverless", "/applications/{}", "ApplicationId")
    ),
    "aws-sdk:opensearchserverless:batchGetCollection": Permission(
        ("aoss:BatchGetCollection",), why="a collection's name does not tell its ARN"
    ),
    "aws-sdk:comprehend:describePiiEntitiesDetectionJob": Permission(
        ("comprehend:DescribePiiEntitiesDetectionJob",),
        _items("comprehend", "pii-entities-detection-job/{}", "JobId"),
    ),
    "aws-sdk:eks:describeCluster": Permission(("eks:DescribeCluster",), _items("eks", "cluster/{}", "Name")),
    "aws-sdk:eks:describeNodegroup": Permission(
        ("eks:DescribeNodegroup",), _items("eks", "nodegroup/{}/{}/*", "ClusterName", "NodegroupName")
    ),
    "aws-sdk:eks:describeFargateProfile": Permission(
        ("eks:DescribeFargateProfile",), _items("eks", "fargateprofile/{}/{}/*", "ClusterName", "FargateProfileName")
    ),
    **{
        f"aws-sdk:sagemaker:describe{what}": Permission(
            (f"sagemaker:Describe{what}",), _named("sagemaker", f"{member}", f"{kind}/{{}}")
        )
        for what, member, kind in (
            ("Endpoint", "EndpointName", "endpoint"),
            ("TransformJob", "TransformJobName", "transform-job"),
            ("HyperParameterTuningJob", "HyperParameterTuningJobName", "hyper-parameter-tuning-job"),
            ("TrainingJob", "TrainingJobName", "training-job"),
            ("PipelineExecution", "PipelineExecutionArn", "pipeline/*/execution/{}"),
            ("AutoMLJob", "AutoMlJobName", "automl-job"),
            ("ProcessingJob", "ProcessingJobName", "processing-job"),
        )
    },
}

CALLS: Mapping[str, tuple[Permission, ...]] = {
    "aws-sdk:lambda:invoke": (Permission(("lambda:InvokeFunction",), _functions),),
    "sns:publish": (Permission(("sns:Publish",), _by_arn("sns", "TargetArn", "")),),
    "sqs:sendMessage": (Permission(("sqs:SendMessage",), _queues),),
    "aws-sdk:eventbridge:putEvents": (Permission(("events:PutEvents",), _buses),),
    "aws-sdk:eventbridge:enableRule": (Permission(("events:EnableRule",), _rules),),
    "aws-sdk:eventbridge:disableRule": (Permission(("events:DisableRule",), _rules),),
    "aws-sdk:sfn:startExecution": (Permission(("states:StartExecution",), _machines),),
    "aws-sdk:sfn:describeExecution": (Permission(("states:DescribeExecution",), _execution),),
    "glue:startJobRun": (Permission(("glue:StartJobRun",), _named("glue", "JobName", "job/{}")),),
    # What Step Functions waits with, and ends when an execution is stopped.
    "glue:startJobRun.sync": (
        Permission(
            ("glue:BatchStopJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun"),
            _named("glue", "JobName", "job/{}"),
        ),
    ),
    # What a query reads and writes only its text says: MachinePolicyArns allow that.
    "aws-sdk:athena:startQueryExecution": (
        Permission(("athena:StartQueryExecution",), _named("athena", "WorkGroup", "workgroup/{}")),
    ),
    "aws-sdk:athena:getQueryExecution": (Permission(("athena:GetQueryExecution",), _workgroups),),
    "aws-sdk:ec2:startInstances": (Permission(("ec2:StartInstances",), _instances),),
    "aws-sdk:ec2:stopInstances": (Permission(("ec2:StopInstances",), _instances),),
    "aws-sdk:ec2:rebootInstances": (Permission(("ec2:RebootInstances",), _instances),),
    "aws-sdk:ec2:terminateInstances": (Permission(("ec2:TerminateInstances",), _instances),),
    "aws-sdk:ec2:describeInstances": (Permission(("ec2:DescribeInstances",), why=_EC2_WHY),),
    "aws-sdk:databrew:startJobRun": (Permission(("databrew:StartJobRun",), _named("databrew", "Name", "job/{}")),),
    "aws-sdk:databrew:describeJobRun": (
        Permission(("databrew:DescribeJobRun",), _named("databrew", "Name", "job/{}")),
    ),
    "aws-sdk:emrcontainers:startJobRun": (
        Permission(
            ("emr-containers:StartJobRun",), _items("emr-containers", "/virtualclusters/{}", "VirtualClusterId")
        ),
        Permission(("emr-containers:TagResource",), _tagged),
    ),
    "aws-sdk:emrcontainers:describeJobRun": (Permission(("emr-containers:DescribeJobRun",), _JOB_RUNS),),
    "aws-sdk:emr:startNotebookExecution": (
        Permission(("elasticmapreduce:StartNotebookExecution",), _notebook),
        Permission(("iam:PassRole",), _passed("ServiceRole")),
    ),
    "aws-sdk:emr:stopNotebookExecution": (
        Permission(("elasticmapreduce:StopNotebookExecution",), _NOTEBOOK_EXECUTION),
    ),
    "aws-sdk:emr:describeNotebookExecution": (
        Permission(("elasticmapreduce:DescribeNotebookExecution",), _NOTEBOOK_EXECUTION),
    ),
    "aws-sdk:s3:deleteObjects": (Permission(("s3:DeleteObject",), _deleted),),
    **{name: (permission,) for name, permission in _LOOKS.items()},
}
