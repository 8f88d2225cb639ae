"""What is missing on AWS for the runs of deployed DAGs, and what mends it.

Each check looks at one thing and says what it found. Where the caller may not look, it says that nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from botocore.exceptions import ClientError
from ductwork.cloudformation.job_definitions import WORKER_ROLE
from ductwork.cloudformation.shared_stack import QUEUE_ARN, TABLE, TABLE_ARN
from ductwork.contracts import ledger as schema

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.aws.errors import BATCH_REFUSED, NOT_FOUND, code
from ductwork_airflow.deploying import images, permissions, quotas, stack_status
from ductwork_airflow.deploying.findings import BAD, Finding, looked
from ductwork_airflow.deploying.removal import stacks_of_dags
from ductwork_airflow.deploying.services import StackDetail, StackResource

_MACHINE = "AWS::StepFunctions::StateMachine"


def check(aws: Aws, shared: str) -> Iterator[Finding]:
    """Look at the shared stack and all DAGs that take it for theirs, in the order in which things are to be mended."""
    client = aws.client("cloudformation")
    stack = stack_status.find(client, shared)
    yield _of_stack(shared, stack)
    if stack is None:
        yield from looked("job queues", lambda: quotas.job_queues(aws))
    if stack is None or stack["StackStatus"] not in stack_status.GOOD:
        return
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
    yield from _looked("ledger", _table, aws, outputs[TABLE])
    yield from _looked("job queue", _queue, aws, outputs[QUEUE_ARN])
    machines = 0
    for name in stacks_of_dags(client, shared):
        found = stack_status.find(client, name)
        yield _of_stack(name, found)
        if found is not None and found["StackStatus"] in stack_status.GOOD:
            resources = client.describe_stack_resources(StackName=name)["StackResources"]
            machines += sum(each.get("ResourceType") == _MACHINE for each in resources)
            yield from _of_dag(aws, found, resources, outputs[TABLE_ARN])
    yield from looked("quota of StartExecution", lambda: quotas.starts(aws, machines))


def _looked(about: str, look: Callable[[Aws, str], Iterator[Finding]], aws: Aws, at: str) -> Iterator[Finding]:
    return looked(about, lambda: look(aws, at))


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
        wanted = int(str(resources.get("maxvCpus", 0)))
        yield from looked("quota of Fargate", lambda: quotas.fargate(aws, wanted))


def _of_dag(aws: Aws, stack: StackDetail, resources: Sequence[StackResource], table: str) -> Iterator[Finding]:
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
    root = outputs["StateMachineArn"]
    yield from _looked("state machine", _root, aws, root)
    machines = [each["PhysicalResourceId"] for each in resources if each.get("ResourceType") == _MACHINE]
    roles = {each.get("LogicalResourceId", ""): each.get("PhysicalResourceId", "") for each in resources}
    yield from looked("permissions", lambda: _permissions(aws, root, machines, roles, table))
    for each in resources:
        if each.get("ResourceType") == "AWS::Batch::JobDefinition":
            yield from _looked("job definition", _definition, aws, each["PhysicalResourceId"])


def _permissions(
    aws: Aws, root: str, machines: Sequence[str], roles: Mapping[str, str], table: str
) -> Iterator[Finding]:
    """Of roles that are there: of one that is not, another look tells."""
    client = aws.client("iam")
    try:
        deployed = permissions.read(aws, root, machines, table)
        needed = {"MachineRole": deployed.of_machines()}
        if WORKER_ROLE in roles:
            needed[WORKER_ROLE] = deployed.of_workers()
        for role, statements in needed.items():
            arn = client.get_role(RoleName=roles[role])["Role"]["Arn"]
            yield from permissions.check(aws, arn, statements, deployed)
    except (client.exceptions.NoSuchEntityException, aws.client("stepfunctions").exceptions.StateMachineDoesNotExist):
        return


def _root(aws: Aws, arn: str) -> Iterator[Finding]:
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
    architecture = properties.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64")
    yield from looked("image", lambda: images.check(aws, properties.get("image", ""), architecture))
