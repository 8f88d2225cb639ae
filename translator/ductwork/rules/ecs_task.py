"""EcsRunTaskOperator: a Batch job, where the author names the image; the ECS task definition cannot be read here.

Else Airflow's own operator starts the ECS task from a worker, which is exact but keeps a container waiting.
"""

from __future__ import annotations

from collections.abc import Mapping

from ductwork.contracts import aws_names
from ductwork.diagnostics import Diagnostics
from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir import BatchJob, Container, Expr, Work
from ductwork.ir.snapshot import TaskSnapshot
from ductwork.rules.base import Decline, Rule, time_limit, waits_for_end
from ductwork.rules.container import Arguments, Reader, own_value

_OPERATOR = "airflow.providers.amazon.aws.operators.ecs.EcsRunTaskOperator"

TRANSLATED = frozenset({"task_definition", "overrides", "network_configuration", "tags", "wait_for_completion"})
_QUEUE = "the job queue decides on which machines and in which network the job runs"
_LOGS = "the output of a job is in CloudWatch"
_WATCHING = "AWS Batch watches its jobs itself, and loses none"
ARGUMENTS = Arguments(
    harmless={
        **dict.fromkeys(
            ("cluster", "launch_type", "capacity_provider_strategy", "placement_constraints", "placement_strategy"),
            _QUEUE,
        ),
        "platform_version": _QUEUE,
        "group": "it groups tasks for people",
        "propagate_tags": "the job has no ECS task definition with tags",
        **dict.fromkeys(
            ("awslogs_group", "awslogs_region", "awslogs_stream_prefix", "awslogs_fetch_interval", "container_name"),
            _LOGS,
        ),
        "number_logs_exception": _LOGS,
        **dict.fromkeys(("quota_retry", "reattach", "waiter_delay", "waiter_max_attempts", "deferrable"), _WATCHING),
        "stop_task_on_failure": _WATCHING,
    },
    refused={
        "volume_configurations": "leave it out",
        "skip_on_exit_code": "let the container end with 0, and decide in a task downstream",
    },
)
# Set, these change who starts the task; Airflow's own operator then does it in a worker.
_NEED_AIRFLOW = {"aws_conn_id": "aws_default", "region_name": None, "verify": None, "botocore_config": None}
_OVERRIDES = {"containerOverrides", "cpu", "memory", "taskRoleArn", "executionRoleArn"}
_OF_CONTAINER = {"name", "command", "environment", "cpu", "memory", "memoryReservation", "resourceRequirements"}
_UNITS = 1024  # of a processor


def _lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work | Decline:
    if not own_value(task, "container_image"):
        return Decline("the image is in an ECS task definition, which cannot be read here, so a worker starts the task")
    for name, default in _NEED_AIRFLOW.items():
        if task.arguments.get(name) not in (None, default):
            return Decline(f"{name} is set, so Airflow's own operator starts the task from a worker")
    reader = Reader(task, diagnostics, ARGUMENTS)
    if task.read_by and task.settings.get("do_xcom_push"):
        what = f"{task.read_by[0]} reads an XCom of it: the ECS task's ARN or the last line of its log"
        reader.nothing_to_push(what, "do not read it, or leave container_image out")
    overrides = task.arguments.get("overrides") or {}
    overrides = reader.record("overrides", overrides)
    job = BatchJob(
        why="the container runs as a job of AWS Batch, with the image that executor_config names",
        request={},
        wait=waits_for_end(task),
        push_job_id=False,
        timeout=time_limit(task, waits=waits_for_end(task)),
        container=_container(reader, overrides),
    )
    return reader.work(job)


def _container(reader: Reader, overrides: Mapping[str, object]) -> Container:
    containers = reader.records("overrides", overrides.get("containerOverrides")) or [{}]
    for name in sorted(overrides.keys() - _OVERRIDES):
        reader.refuse("overrides", f"AWS Batch has nothing like {name}", "leave it out")
    if len(containers) > 1:
        reader.refuse("overrides", "the job has one container, and overrides are for several", "keep one of them")
    override = containers[0]
    for name in sorted(override.keys() - _OF_CONTAINER):
        reader.refuse("overrides", f"AWS Batch has nothing like {name} of a container", "leave it out")
    environment: dict[str, Expr | str] = {
        reader.constant("overrides", each.get("name", "")): reader.text("overrides", each.get("value", ""))
        for each in reader.records("overrides", override.get("environment"), fixed=True)
    }
    cpu, memory = override.get("cpu", overrides.get("cpu")), override.get("memory", overrides.get("memory"))
    memory = override.get("memoryReservation") if memory is None else memory
    return Container(
        image="",
        command=reader.texts("overrides", override["command"]) if override.get("command") else None,
        environment=environment,
        vcpus=None if (units := reader.number("overrides", cpu)) is None else units / _UNITS,
        memory=None if (size := reader.number("overrides", memory)) is None else int(size),
        gpus=_gpus(reader, reader.records("overrides", override.get("resourceRequirements"))),
        job_role=_role(reader, "job_role", overrides.get("taskRoleArn")),
        execution_role=_role(reader, "execution_role", overrides.get("executionRoleArn")),
        public_ip=_public(reader),
        tags=reader.variables("tags", reader.task.arguments.get("tags") or {}),
    )


def _role(reader: Reader, key: str, value: object) -> str | None:
    """The role's ARN; empty for none.

    :param key: the key of executor_config, which comes before the operator's own
    """
    if value is None or own_value(reader.task, key):
        return None
    role = reader.constant("overrides", value)
    if not aws_names.ROLE.fullmatch(role):
        reader.refuse("overrides", f"{role!r} is not the ARN of a role", f"give a {key} in executor_config")
    return role


def _gpus(reader: Reader, needs: list[Mapping[str, object]]) -> int | None:
    for need in needs:
        if need.get("type") != "GPU":
            reader.refuse("overrides", f"AWS Batch cannot give a container {need.get('type')}", "leave it out")
    counts = [reader.number("overrides", need.get("value")) for need in needs if need.get("type") == "GPU"]
    return int(sum(count for count in counts if count)) or None


def _public(reader: Reader) -> bool:
    name = "network_configuration"
    network = reader.record(name, reader.task.arguments.get(name))
    return reader.record(name, network.get("awsvpcConfiguration")).get("assignPublicIp") == "ENABLED"


RULE = Rule(
    name="ecs_task",
    operators=(_OPERATOR,),
    lower=_lower,
    needs="the right to run ECS tasks; as a Batch job it needs only executor_config={'ductwork': {'container_image': "
    "IMAGE}}",
    source=f"{AMAZON_PROVIDER}/operators/ecs.html",
)
