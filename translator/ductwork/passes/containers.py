"""The job of a container task: a job definition for what is fixed, a SubmitJob request for what a task may vary.

Image, file systems, users, secrets and roles are of the definition; command, variables and resources are of the
request. So tasks that differ in their arguments alone share one definition.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ductwork.contracts import batch_limits
from ductwork.contracts.aws_names import JOB_NAME_LIMIT
from ductwork.contracts.names import job_name, short_hash
from ductwork.diagnostics import Diagnostics
from ductwork.ir import BatchJob, Concat, Container, Deployment, Expr, Mount, RunValue, Task, Text, Workflow
from ductwork.passes.container_size import FARGATE_DISK_GIB, fitting, requirements

DEFAULT_VCPUS = 1.0
DEFAULT_MEMORY_MIB = 2048
# At its longest: a run id, which is the longest of the values of a run.
_RUN_VALUE_CHARACTERS = 250
# "-" and the hash of the run.
_HASH_CHARACTERS = 9


def place_containers(workflow: Workflow, diagnostics: Diagnostics) -> Workflow:
    """Give every container task its job definition and its request."""
    return replace(workflow, tasks=tuple(_placed(workflow, task, diagnostics) for task in workflow.tasks))


def _placed(workflow: Workflow, task: Task, diagnostics: Diagnostics) -> Task:
    job = task.work.submits
    if job is None or job.container is None:
        return task
    made = _fixed_part if task.work.submits_container else _job
    return replace(task, work=task.work.submitting(made(workflow, task, job, job.container, diagnostics)))


def placed(workflow: Workflow, task: Task, job: BatchJob, diagnostics: Diagnostics) -> BatchJob:
    """A container's job with its request and its definition, for a task that runs.

    :param workflow: of which the task is: its DAG's id, and the ledger's table
    :param job: has a container
    """
    assert job.container is not None
    # Airflow ends the task at its time limit; Batch takes none that is shorter than its own least.
    timeout = None if job.timeout is None else max(job.timeout, batch_limits.MIN_TIMEOUT_SECONDS)
    return _job(workflow, task, replace(job, timeout=timeout), job.container, diagnostics)


def _job(workflow: Workflow, task: Task, job: BatchJob, given: Container, diagnostics: Diagnostics) -> BatchJob:
    container = _keeping_xcom(workflow, task, given)
    maker = _Maker(workflow.dag_id, task, container, job.timeout, diagnostics)
    return replace(job, request=maker.request(), definition=maker.definition())


def _fixed_part(
    workflow: Workflow, task: Task, job: BatchJob, container: Container, diagnostics: Diagnostics
) -> BatchJob:
    """What is known of a container's job before its task runs: a definition, where all runs have the same."""
    if not container.fixed:
        return job
    bare = replace(container, command=None, environment={}, tags={}, xcom="")
    maker = _Maker(workflow.dag_id, task, bare, None, diagnostics)
    return replace(job, definition=maker.definition())


def _keeping_xcom(workflow: Workflow, task: Task, container: Container) -> Container:
    """The container with Ductwork, which is in its image, around its command."""
    if not container.xcom or container.command is None:
        return container
    variables: dict[str, object] = {
        "DUCTWORK_DAG_ID": workflow.dag_id,
        "DUCTWORK_RUN_ID": RunValue("run_id"),
        "DUCTWORK_TASK_ID": task.task_id,
        "DUCTWORK_LEDGER_TABLE": workflow.ledger_table,
        "DUCTWORK_XCOM": container.xcom,
        "DUCTWORK_REGION": RunValue("region"),
    }
    if task.mapped_group:
        variables["DUCTWORK_MAP_INDEX"] = RunValue("map_index")
    command = ("ductwork", "worker", "--", *container.command)
    return replace(container, command=command, environment={**container.environment, **variables})


class _Maker:
    def __init__(
        self, dag_id: str, task: Task, container: Container, limit: int | None, diagnostics: Diagnostics
    ) -> None:
        self._dag_id, self._task, self._container, self._diagnostics = dag_id, task, container, diagnostics
        self._limit = limit
        self._values: Deployment = task.container_deployment or task.deployment
        self._fargate = self._values.platform == "fargate"
        self._resources = self._sized()
        self._made = self._define()

    def _report(self, code: str, field: str, what: str, hint: str) -> None:
        about = {"dag_id": self._dag_id, "task_id": self._task.task_id, "field": field}
        self._diagnostics.add(code, self._task.origin, what, hint, **about)

    def _wants(self, key: str, what: str, example: str) -> None:
        self._report("DW405", key, what, f"give one in executor_config={{'ductwork': {{'{key}': {example}}}}}")

    # ---- the definition ----

    def definition(self) -> dict[str, object]:
        return self._made

    def _define(self) -> dict[str, object]:
        container, values = self._container, self._values
        image = values.container_image or container.image
        if not image:
            self._wants("container_image", "the container has no image", "'registry/image:tag'")
        if container.xcom and container.command is None:
            what = "only the image knows its command, and Ductwork must run it to keep what it hands back"
            self._report("DW407", "command", what, "write the command out in the operator")
        volumes, points, memory = self._file_systems()
        execution_role = values.execution_role or container.execution_role
        linux = {"sharedMemorySize": container.shared_memory, "tmpfs": memory}
        properties: dict[str, object] = {
            "image": image,
            "resourceRequirements": self._resources,
            "jobRoleArn": values.job_role or container.job_role,
            "executionRoleArn": execution_role,
            "secrets": self._secrets(),
            "volumes": volumes,
            "mountPoints": points,
            "user": container.user,
            "privileged": container.privileged,
            "readonlyRootFilesystem": container.read_only,
            "ephemeralStorage": self._disk(),
            "ulimits": [dict(zip(("name", "softLimit", "hardLimit"), each, strict=True)) for each in container.ulimits],
            "linuxParameters": {name: value for name, value in linux.items() if value},
            **(on_fargate(self._has_public_ip) if self._fargate else {}),
        }
        if values.registry_credentials:
            properties["repositoryCredentials"] = {"credentialsParameter": values.registry_credentials}
        self._check(properties)
        definition: dict[str, object] = {
            "type": "container",
            "platformCapabilities": ["FARGATE" if self._fargate else "EC2"],
            "containerProperties": {name: value for name, value in properties.items() if value},
        }
        if (size := len(json.dumps(definition).encode())) > batch_limits.MAX_DEFINITION_BYTES:
            what = f"a job definition of {size:,} bytes is over Batch's {batch_limits.MAX_DEFINITION_BYTES // 1024} KiB"
            self._report("DW203", "containerProperties", what, "give it fewer secrets, volumes or mounts")
        return named(definition)

    def _disk(self) -> dict[str, int] | None:
        """A disk larger than Fargate's own; elsewhere the machine has one, which Batch does not portion out."""
        size = self._container.disk
        if size is None or (self._fargate and size <= FARGATE_DISK_GIB.start - 1):
            return None
        if self._fargate and size in FARGATE_DISK_GIB:
            return {"sizeInGiB": size}
        if self._fargate:
            what = f"Fargate gives a container at most {FARGATE_DISK_GIB.stop - 1} GiB of disk, and it asks for {size}"
            self._report("DW203", "platform", what, "use platform ec2, or ask for less")
        elif "container_resources" not in self._values.ignore:
            what = f"{size} GiB of disk are not set aside for it: the disk is that of the machine"
            hint = "if that is right, say so: executor_config={'ductwork': {'ignore': ['container_resources']}}"
            self._report("DW406", "container_resources", what, hint)
        return None

    @property
    def _has_public_ip(self) -> bool:
        given = self._values.public_ip
        return self._container.public_ip if given is None else given

    def _check(self, properties: Mapping[str, Any]) -> None:
        needs = "the secrets of the container" if properties["secrets"] else "Fargate" if self._fargate else ""
        if (needs or properties.get("repositoryCredentials")) and not properties["executionRoleArn"]:
            what = f"{needs or 'the private registry'} needs an execution role"
            self._wants("execution_role", what, "'arn:aws:iam::ACCOUNT:role/NAME'")
        if not self._fargate:
            return
        linux = properties["linuxParameters"]
        gpus = self._container.gpus or self._values.gpus
        mine = {"privileged": properties["privileged"], "ulimits": properties["ulimits"], "gpus": gpus}
        for name, value in {**mine, **linux}.items():
            if value:
                self._has_not(name)

    def _has_not(self, what: str) -> None:
        self._report("DW203", "platform", f"containers on Fargate have no {what}", "use platform ec2, or leave it out")

    def _sized(self) -> list[dict[str, str]]:
        """The operator's own amounts first, then those of the deployment, rounded up to what the platform has."""
        container, values = self._container, self._values
        vcpus = container.vcpus or float(values.vcpus or DEFAULT_VCPUS)
        memory = container.memory or values.memory or DEFAULT_MEMORY_MIB
        size = fitting(vcpus, memory, fargate=self._fargate)
        if size is None:
            what = f"Fargate has no machine of {vcpus:g} vCPUs and {memory:,} MiB"
            self._report("DW203", "platform", what, "use platform ec2, or ask for less")
        return requirements(*(size or (vcpus, memory)), container.gpus or values.gpus)

    def _secrets(self) -> list[dict[str, str]]:
        given = self._values.secrets
        for name in sorted(set(self._container.secrets) - given.keys()):
            what = f"the value of {name} is a secret, and nothing says where AWS keeps it"
            self._wants("secrets", what, f"{{'{name}': ARN}}")
        return [{"name": name, "valueFrom": reference} for name, reference in sorted(given.items())]

    def _file_systems(self) -> tuple[list[object], list[Any], list[Any]]:
        """Volumes, the points where they are mounted, and file systems in memory."""
        volumes: dict[str, dict[str, object]] = {}
        points, memory = [], []
        for mount in self._container.mounts:
            if mount.size is not None:
                options = {"mountOptions": ["ro"]} if mount.read_only else {}
                memory.append({"containerPath": mount.path, "size": mount.size, **options})
                continue
            volume = self._volume(mount)
            named_so = mount.volume or mount.source or (f"shared {mount.shared}" if mount.shared else mount.path)
            name = f"v-{short_hash(named_so)}"
            volumes.setdefault(name, {"name": name, **volume})
            read_only = {"readOnly": True} if mount.read_only else {}
            points.append({"sourceVolume": name, "containerPath": mount.path, **read_only})
        return list(volumes.values()), points, memory

    def _volume(self, mount: Mount) -> dict[str, object]:
        name = mount.volume or mount.source
        if name is None:
            # Fargate takes no host, not even an empty one.
            return {} if self._fargate else {"host": {}}
        if (given := self._values.volumes.get(name)) is not None:
            if self._fargate and "host" in given:
                self._has_not(f"host, of which {name!r} is to be a folder")
            return dict(given)
        example = f"{{'{name}': {{'efsVolumeConfiguration': {{'fileSystemId': 'fs-...'}}}}}}"
        if mount.volume is not None or self._fargate:
            self._wants("volumes", f"nothing on AWS is known as the volume {name!r}", example)
        elif "volumes" not in self._values.ignore:
            what = f"{name!r} is a path of the machine that Batch chooses, not of the one that Airflow used"
            hint = f"share the files by executor_config={{'ductwork': {{'volumes': {example}}}}}, or, if the path is "
            hint += "right, say so: 'ignore': ['volumes']"
            self._report("DW406", "volumes", what, hint)
        return {"host": {"sourcePath": name}}

    # ---- the request ----

    def request(self) -> dict[str, object]:
        values, container = self._values, self._container
        name = job_name(self._dag_id, self._task.task_id, JOB_NAME_LIMIT - _HASH_CHARACTERS)
        request: dict[str, object] = {
            "jobName": Concat((Text(f"{name}-"), RunValue("run_hash"))),
            "jobQueue": values.job_queue,
            "jobDefinition": self._made["jobDefinitionName"],
        }
        overrides = {"command": list(container.command or ()), "environment": self._environment()}
        if any(overrides.values()):
            request["containerOverrides"] = {member: value for member, value in overrides.items() if value}
        if limits := [limit for limit in (self._limit, values.timeout) if limit is not None]:
            request["timeout"] = {"attemptDurationSeconds": min(limits)}
        optional = {
            "shareIdentifier": values.share_identifier,
            "schedulingPriorityOverride": values.scheduling_priority,
            "propagateTags": values.propagate_tags,
            "tags": {**values.tags, **container.tags} or None,
        }
        request |= {member: value for member, value in optional.items() if value is not None}
        for problem in batch_limits.problems(request, reserve=_unknown(request)):
            hint = "change it to what AWS Batch accepts; large values belong in S3"
            self._report("DW203", problem.field, problem.what, hint)
        return request

    def _environment(self) -> list[dict[str, object]]:
        variables = {**self._values.environment, **self._container.environment}
        return [{"name": name, "value": value} for name, value in variables.items() if name not in self._values.secrets]


def on_fargate(public_ip: bool | None) -> dict[str, object]:
    """Members of a job definition that only Fargate has."""
    return {
        "networkConfiguration": {"assignPublicIp": "ENABLED" if public_ip else "DISABLED"},
        "fargatePlatformConfiguration": {"platformVersion": "LATEST"},
    }


def named(definition: Mapping[str, object]) -> dict[str, object]:
    """A RegisterJobDefinition request whose name is a hash of its content, so it never has to change."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return {"jobDefinitionName": f"ductwork-{short_hash(text, 16)}", **definition}


def _unknown(value: object) -> int:
    """How many characters the values of the run may take in a request."""
    if isinstance(value, RunValue):
        return _RUN_VALUE_CHARACTERS
    if isinstance(value, Concat):
        return sum(map(_unknown, value.parts))
    if isinstance(value, Expr):
        return 0 if isinstance(value, Text) else _RUN_VALUE_CHARACTERS
    if isinstance(value, Mapping):
        return sum(map(_unknown, value.values()))
    return sum(map(_unknown, value)) if isinstance(value, list) else 0
