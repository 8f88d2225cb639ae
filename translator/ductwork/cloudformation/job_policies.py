"""What the roles of a DAG's jobs are allowed: that of its workers, and that which starts their containers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from ductwork.cloudformation.intrinsics import Value, arn, sub
from ductwork.cloudformation.machine_policy import DESCRIBE_WHY, TOKEN_WHY
from ductwork.cloudformation.statements import Statement, everywhere
from ductwork.contracts import container_job
from ductwork.contracts.default_names import JOB_LOG_GROUP
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.ledger import INDEX_BY_DAG
from ductwork.contracts.machine_bundle import machine_names
from ductwork.ir import ANY_DAG, BatchJob, Workflow

_LEDGER = ("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem")
DEFINITIONS_WHY = "Batch knows no resources for DescribeJobDefinitions"
# In the place of an image that depends on the run.
ANY_IMAGE = "*"
LIST_JOBS_WHY = "Batch knows no resources for ListJobs"
REGISTRY_WHY = "a login is to the whole registry: ECR knows no resources for GetAuthorizationToken"
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html
_ECR_IMAGE = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)")


def of_workers(
    machines: Sequence[JsonObject], table: Value, buses: Sequence[str], *, is_chain: bool
) -> list[Statement]:
    """The least that workers need, besides what the tasks' own code calls.

    :param machines: definitions of a DAG's machines
    :param table: the ledger's ARN
    :param buses: names or ARNs of the event buses that get asset events
    :param is_chain: the machine submits a job chain, so workers decide which tasks run, and settle how a run has ended
    """
    text = json.dumps(list(machines))
    actions = (*_LEDGER, "dynamodb:BatchGetItem") if is_chain else _LEDGER
    made = [
        Statement("Ledger", tuple(sorted(actions)), (table,)),
        Statement("RunsOfDag", ("dynamodb:Query",), ({"Fn::Join": ["", [table, f"/index/{INDEX_BY_DAG}"]]},)),
    ]
    if "DUCTWORK_TASK_TOKEN" in text:
        made.append(everywhere("ReportTasks", ["states:SendTaskFailure", "states:SendTaskSuccess"], TOKEN_WHY))
    if buses:
        made.append(Statement("AssetEvents", ("events:PutEvents",), tuple(map(_bus, buses))))
    if is_chain:
        execution = arn("states", "execution:${MachineName}:*")
        look = ("states:DescribeExecution", "states:GetExecutionHistory")
        made += [
            everywhere("LookAtJobs", ["batch:DescribeJobs"], DESCRIBE_WHY),
            everywhere("FindJobs", ["batch:ListJobs"], LIST_JOBS_WHY),
            Statement("EndJobs", ("batch:TerminateJob",), (arn("batch", "job/*"),)),
            Statement("LookAtRun", look, (execution,)),
        ]
    return made


def of_containers(
    workflow: Workflow,
    queue: Callable[[str], Value],
    definition: Callable[[str], Sequence[Value]],
    roles: Sequence[Value],
) -> list[Statement]:
    """What workers need that submit the containers of operators as jobs.

    :param queue: the ARN of a job queue, by its name or place
    :param definition: the ARNs of all revisions of a job definition, by the name that the compiler gave it
    :param roles: that job definitions which depend on the run give their containers
    """
    tasks = [task for task in workflow.tasks if task.work.submits_container]
    if not tasks:
        return []
    queues = [queue(name) for name in sorted({str(task.deployment.job_queue) for task in tasks})]
    names = {str(told.definition) for task in tasks if (told := container_job.of_task(task))}
    definitions = [each for name in sorted(names - {""}) for each in definition(name)]
    made_later = [arn("batch", "job-definition/ductwork-*")] if "" in names else []
    places = (*queues, *definitions, *made_later)
    made = [
        Statement("SubmitContainers", ("batch:SubmitJob",), places),
        everywhere("LookAtContainers", ["batch:DescribeJobs"], DESCRIBE_WHY),
        Statement("EndContainers", ("batch:TerminateJob",), (arn("batch", "job/*"),)),
        Statement("ReadLogs", ("logs:GetLogEvents",), (arn("logs", f"log-group:{JOB_LOG_GROUP}:log-stream:*"),)),
    ]
    if any(
        (task.container_deployment or task.deployment).tags or (task.work.submits and _has_tags(task.work.submits))
        for task in tasks
    ):
        made.append(Statement("TagContainers", ("batch:TagResource",), (arn("batch", "job/*"), *places)))
    if made_later:
        made.append(Statement("RegisterContainers", ("batch:RegisterJobDefinition",), tuple(made_later)))
        made.append(everywhere("FindDefinitions", ["batch:DescribeJobDefinitions"], DEFINITIONS_WHY))
        if roles:
            made.append(Statement("PassRoles", ("iam:PassRole",), tuple(roles)))
    return made


def of_starts(workflow: Workflow) -> list[Statement]:
    """What workers need that start runs of other DAGs."""
    dag_ids = workflow.starts_runs_of
    if not dag_ids:
        return []
    called = ["*"] if ANY_DAG in dag_ids else [each for dag_id in dag_ids for each in machine_names(dag_id)]
    machines = tuple(arn("states", f"stateMachine:{name}") for name in called)
    executions = tuple(arn("states", f"execution:{name}:*") for name in called)
    return [
        Statement("StartOtherDags", ("states:DescribeStateMachine", "states:StartExecution"), machines),
        Statement("LookAtOtherDags", ("states:DescribeExecution",), executions),
    ]


def _has_tags(job: BatchJob) -> bool:
    """A container of which nothing is known yet may have tags."""
    return job.container is not None and bool(job.container.tags or not job.container.fixed)


def of_code(uris: Sequence[str]) -> list[Statement]:
    """What workers need that fetch their DAG files from S3.

    :param uris: ``s3://bucket/prefix/name``; workers of runs that go on fetch what was there before, below the prefix
    """
    folders = sorted({uri.removeprefix("s3://").rpartition("/")[0] for uri in uris if uri.startswith("s3://")})
    objects = tuple(sub(f"arn:${{AWS::Partition}}:s3:::{folder}/*") for folder in folders)
    return [Statement("DagFiles", ("s3:GetObject",), objects)] if objects else []


def _bus(name_or_arn: str) -> Value:
    return name_or_arn if name_or_arn.startswith("arn:") else arn("events", f"event-bus/{name_or_arn}")


def of_execution(definitions: Sequence[JsonObject]) -> list[Statement]:
    """What starting the containers takes: their images, their logs, their secrets.

    :param definitions: RegisterJobDefinition requests that take the stack's own execution role
    """
    properties = [_mapping(definition["containerProperties"]) for definition in definitions]
    pull = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    repositories = [
        each for image in sorted({str(each["image"]) for each in properties}) for each in _repository(image)
    ]
    made = []
    if repositories:
        made.append(everywhere("LogIn", ["ecr:GetAuthorizationToken"], REGISTRY_WHY))
        made.append(Statement("PullImages", pull, tuple(_unique(repositories))))
    streams = (arn("logs", f"log-group:{JOB_LOG_GROUP}:*"),)
    made.append(Statement("WriteLogs", ("logs:CreateLogStream", "logs:PutLogEvents"), streams))
    references = sorted({reference for each in properties for reference in _references(each)})
    secrets = [reference for reference in references if ":secretsmanager:" in reference]
    stored = [reference for reference in references if reference not in secrets]
    if secrets:
        made.append(Statement("Secrets", ("secretsmanager:GetSecretValue",), tuple(map(_secret, secrets))))
    if stored:
        made.append(Statement("Parameters", ("ssm:GetParameters",), tuple(map(_parameter, stored))))
    return made


def _repository(image: str) -> list[Value]:
    """The ECR repositories that an image may come from."""
    if image == ANY_IMAGE:
        return [arn("ecr", "repository/*")]
    if image.startswith("${"):
        # Known when the stack is deployed.
        return [arn("ecr", "repository/${WorkerRepository}")]
    found = _ECR_IMAGE.match(image)
    if found is None:
        return []
    return [sub(f"arn:${{AWS::Partition}}:ecr:{found[2]}:{found[1]}:repository/{found[3]}")]


def _references(properties: Mapping[str, object]) -> Iterable[str]:
    secrets = properties.get("secrets") or []
    assert isinstance(secrets, list)
    yield from (str(secret["valueFrom"]) for secret in secrets)
    login = properties.get("repositoryCredentials")
    if isinstance(login, Mapping):
        yield str(login["credentialsParameter"])


def _secret(arn_of_secret: str) -> Value:
    """Without the member and the version that a container's secret may name."""
    return ":".join(arn_of_secret.split(":")[:7])


def _parameter(reference: str) -> Value:
    return reference if reference.startswith("arn:") else arn("ssm", f"parameter/{reference.lstrip('/')}")


def _mapping(value: object) -> Mapping[str, object]:
    assert isinstance(value, Mapping)
    return value


def _unique(values: Iterable[Value]) -> list[Value]:
    return list({json.dumps(value): value for value in values}.values())
