"""What is missing on AWS for the runs of deployed DAGs, and what mends it.

Each check looks at one thing and says what it found. Where the caller may not look, it says that nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError
from ductwork.cloudformation.shared_stack import QUEUE_ARN, TABLE
from ductwork.contracts import ledger as schema

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.aws.errors import ACCESS_REFUSED, BATCH_REFUSED, NOT_FOUND, code, message
from ductwork_airflow.deploying import stack_status
from ductwork_airflow.deploying.removal import stacks_of_dags
from ductwork_airflow.deploying.services import StackDetail

GOOD, BAD, UNKNOWN = "good", "bad", "unknown"
_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[^:@]+)(?P<which>[:@].+)?"
)
# Service Quotas' code of the vCPUs of Fargate on demand: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
_FARGATE_VCPUS = ("fargate", "L-3032A538")


@dataclass(frozen=True)
class Finding:
    """What a check found.

    :param about: what was looked at
    :param state: :data:`GOOD`, :data:`BAD` or :data:`UNKNOWN`
    :param what: what is wrong; empty if nothing is
    :param mend: a command, or what else to do
    """

    about: str
    state: str = GOOD
    what: str = ""
    mend: str = ""


def check(aws: Aws, shared: str) -> Iterator[Finding]:
    """Look at the shared stack and all DAGs that take it for theirs, in the order in which things are to be mended."""
    stack = stack_status.find(aws.client("cloudformation"), shared)
    yield _of_stack(shared, stack)
    if stack is None or stack["StackStatus"] not in stack_status.GOOD:
        return
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
    yield from _looked("ledger", _table, aws, outputs[TABLE])
    yield from _looked("job queue", _queue, aws, outputs[QUEUE_ARN])
    for name in stacks_of_dags(aws.client("cloudformation"), shared):
        found = stack_status.find(aws.client("cloudformation"), name)
        yield _of_stack(name, found)
        if found is not None and found["StackStatus"] in stack_status.GOOD:
            yield from _of_dag(aws, name, found)


def _looked(about: str, look: Callable[[Aws, str], Iterator[Finding]], aws: Aws, at: str) -> Iterator[Finding]:
    """What a look finds; that nothing is known, if the caller may not look."""
    try:
        yield from look(aws, at)
    except ClientError as error:
        if code(error) not in ACCESS_REFUSED:
            raise
        yield Finding(about, UNKNOWN, f"you may not look: {message(error)}", f"allow {error.operation_name}")


def _of_stack(name: str, stack: StackDetail | None) -> Finding:
    about = f"stack {name}"
    if stack is None:
        return Finding(about, BAD, "it is not there", "ductwork deploy PATH")
    status = stack["StackStatus"]
    if status in stack_status.GOOD or status == "UPDATE_ROLLBACK_COMPLETE":
        return Finding(about)
    if stack_status.is_moving(status):
        return Finding(about, BAD, f"it is {status}", f"aws cloudformation wait stack-exists --stack-name {name}")
    hint = stack_status.BROKEN.get(status, "ductwork deploy PATH, which makes it anew")
    return Finding(about, BAD, f"it is {status}", hint.format(name=name))


def _table(aws: Aws, table: str) -> Iterator[Finding]:
    about, client = f"ledger {table}", aws.client("dynamodb")
    try:
        found = client.describe_table(TableName=table)["Table"]
    except ClientError as error:
        if code(error) != NOT_FOUND:
            raise
        yield Finding(about, BAD, "it is not there", "restore it from a backup, or undeploy and deploy everything")
        return
    keys = [(each["AttributeName"], each["KeyType"]) for each in found["KeySchema"]]
    indexes = [each.get("IndexName") for each in found.get("GlobalSecondaryIndexes", [])]
    if keys != [("pk", "HASH"), ("sk", "RANGE")] or schema.INDEX_BY_DAG not in indexes:
        yield Finding(about, BAD, "it has other keys or indexes than a ledger", "name another with LedgerTableName")
        return
    expiry = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if expiry.get("TimeToLiveStatus") not in {"ENABLED", "ENABLING"}:
        setting = f"Enabled=true,AttributeName={schema.TTL_ATTRIBUTE}"
        mend = f"aws dynamodb update-time-to-live --table-name {table} --time-to-live-specification {setting}"
        yield Finding(about, BAD, "nothing in it ever expires", mend)
        return
    yield Finding(about)


def _queue(aws: Aws, arn: str) -> Iterator[Finding]:
    client = aws.client("batch")
    about = f"job queue {arn.rpartition('/')[2]}"
    queues = client.describe_job_queues(jobQueues=[arn])["jobQueues"]
    if not queues:
        yield Finding(about, BAD, "it is not there", "ductwork deploy PATH --parameter ExistingJobQueueArn=...")
        return
    queue = queues[0]
    if queue["state"] != "ENABLED":
        yield Finding(about, BAD, "it is disabled", f"aws batch update-job-queue --job-queue {arn} --state ENABLED")
        return
    if queue["status"] == "INVALID":
        yield Finding(about, BAD, f"Batch calls it invalid: {queue.get('statusReason', '')}", "mend what it says")
        return
    yield Finding(about)
    named = [each["computeEnvironment"] for each in queue["computeEnvironmentOrder"]]
    for environment in client.describe_compute_environments(computeEnvironments=named)["computeEnvironments"]:
        yield from _environment(aws, environment)


def _environment(aws: Aws, environment: Mapping[str, object]) -> Iterator[Finding]:
    name = environment["computeEnvironmentName"]
    about, resources = f"compute environment {name}", environment.get("computeResources")
    if environment.get("status") == "INVALID":
        yield Finding(about, BAD, f"Batch calls it invalid: {environment.get('statusReason', '')}", "mend what it says")
        return
    if environment.get("state") == "DISABLED":
        mend = f"aws batch update-compute-environment --compute-environment {name} --state ENABLED"
        yield Finding(about, BAD, "it is disabled", mend)
        return
    yield Finding(about)
    if isinstance(resources, Mapping) and resources.get("type") == "FARGATE":
        yield from _looked("quota of Fargate", _fargate, aws, str(resources.get("maxvCpus", 0)))


def _fargate(aws: Aws, wanted: str) -> Iterator[Finding]:
    about = "quota of Fargate"
    service, which = _FARGATE_VCPUS
    try:
        quota = aws.client("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=which)["Quota"]["Value"]
    except ClientError as error:
        if code(error) in ACCESS_REFUSED:
            raise
        yield Finding(about, UNKNOWN, f"Service Quotas does not say: {message(error)}", "see the console")
        return
    if int(wanted) > quota:
        mend = f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {which} "
        yield Finding(about, BAD, f"{quota:g} vCPUs, and jobs may want {wanted}", f"{mend}--desired-value {wanted}")
        return
    yield Finding(about)


def _of_dag(aws: Aws, name: str, stack: StackDetail) -> Iterator[Finding]:
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
    yield from _looked("state machine", _machine, aws, outputs["StateMachineArn"])
    resources = aws.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    for each in resources:
        if each.get("ResourceType") == "AWS::Batch::JobDefinition":
            yield from _looked("job definition", _definition, aws, each["PhysicalResourceId"])


def _machine(aws: Aws, arn: str) -> Iterator[Finding]:
    client = aws.client("stepfunctions")
    about = f"state machine {arn.rpartition(':')[2]}"
    try:
        machine = client.describe_state_machine(stateMachineArn=arn)
    except client.exceptions.StateMachineDoesNotExist:
        yield Finding(about, BAD, "it is not there", "undeploy the DAG, then deploy it")
        return
    yield Finding(about)
    yield from _looked("role", _role, aws, machine["roleArn"])


def _role(aws: Aws, arn: str) -> Iterator[Finding]:
    name = arn.rpartition("/")[2]
    client = aws.client("iam")
    try:
        client.get_role(RoleName=name)
    except client.exceptions.NoSuchEntityException:
        yield Finding(f"role {name}", BAD, "it is not there", "undeploy the DAG, then deploy it")
        return
    yield Finding(f"role {name}")


def _definition(aws: Aws, arn: str) -> Iterator[Finding]:
    about = f"job definition {arn.rpartition('/')[2]}"
    try:
        found = aws.client("batch").describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"]
    except ClientError as error:
        if code(error) != BATCH_REFUSED:
            raise
        found = []
    if not found or found[0].get("status") == "INACTIVE":
        yield Finding(about, BAD, "it is not registered any more", "undeploy the DAG, then deploy it")
        return
    yield Finding(about)
    properties = found[0].get("containerProperties", {})
    for key in ("jobRoleArn", "executionRoleArn"):
        if role := properties.get(key):
            yield from _looked("role", _role, aws, role)
    yield from _looked("image", _image, aws, properties.get("image", ""))


def _image(aws: Aws, image: str) -> Iterator[Finding]:
    about, found = f"image {image}", _ECR.fullmatch(image)
    if found is None:
        yield Finding(
            about, UNKNOWN, "it is not in ECR, so nobody here knows whether it is there", "docker pull " + image
        )
        return
    which = found["which"] or ":latest"
    wanted = {"imageTag": which[1:]} if which[0] == ":" else {"imageDigest": which[1:]}
    try:
        client = aws.client("ecr")
        client.describe_images(registryId=found["account"], repositoryName=found["name"], imageIds=[wanted])
    except ClientError as error:
        if code(error) not in {"ImageNotFoundException", "RepositoryNotFoundException"}:
            raise
        yield Finding(about, BAD, f"it is not there: {message(error)}", f"docker push {image}")
        return
    yield Finding(about)
