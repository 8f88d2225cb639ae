"""A worker task that names an image gets the job definition that runs it; all definitions that a workflow needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ductwork.diagnostics import Diagnostics, Origin
from ductwork.ir import Deployment, Task, Workflow
from ductwork.passes.container_size import fitting, requirements
from ductwork.passes.containers import DEFAULT_MEMORY_MIB, DEFAULT_VCPUS, named, on_fargate

WORKER_COMMAND = ["ductwork", "worker"]
_ROLE = "arn:aws:iam::ACCOUNT:role/NAME"


def name_images(workflow: Workflow, diagnostics: Diagnostics) -> Workflow:
    """Point every task that has an image, and the jobs of the run itself, at the definition of :func:`needed`.

    This includes tasks without a worker, since a job chain may give them one. What a definition lacks is reported once,
    for the first task whose worker needs it.
    """
    images = _Images(workflow, diagnostics)
    tasks = tuple(map(images.placed, workflow.tasks))
    run = images.sized(workflow.deployment, workflow.origin, {"dag_id": workflow.dag_id}, report=False)
    return replace(workflow, tasks=tasks, deployment=run)


class _Images:
    def __init__(self, workflow: Workflow, diagnostics: Diagnostics) -> None:
        self._dag_id, self._diagnostics = workflow.dag_id, diagnostics
        self._checked: set[str] = set()

    def placed(self, task: Task) -> Task:
        about = {"dag_id": self._dag_id, "task_id": task.task_id}
        report = _runs_worker(task)
        if report:
            self._check(task, about)
        sized = self.sized(task.deployment, task.origin, about, report=report)
        return task if sized is task.deployment else replace(task, deployment=sized)

    def _check(self, task: Task, about: Mapping[str, str]) -> None:
        values = task.deployment
        name = _of_worker(values)["jobDefinitionName"]
        if name in self._checked:
            return
        self._checked.add(name)
        missing = [("DW204", *each) for each in _missing(values)]
        if not values.job_role and values.platform != "fargate":
            what = "its worker has no role of its own, and reaches the ledger only if the machine's role and network do"
            missing.append(("DW206", "job_role", what))
        for code, key, what in missing:
            hint = f"give one: {key} = {_ROLE} in [ductwork], or executor_config={{'ductwork': {{'{key}': ...}}}}"
            self._diagnostics.add(code, task.origin, what, hint, field=key, **about)

    def sized(self, values: Deployment, origin: Origin, about: Mapping[str, str], *, report: bool) -> Deployment:
        """With the definition of its image, and processors and memory that the platform has together."""
        if not values.image:
            return values
        deployment = replace(values, job_definition=_of_worker(values)["jobDefinitionName"], environment=_plain(values))
        fargate = values.platform == "fargate"
        vcpus, memory = float(values.vcpus or DEFAULT_VCPUS), values.memory or DEFAULT_MEMORY_MIB
        size = fitting(vcpus, memory, fargate=fargate)
        problems = [] if size else [(f"Fargate has no machine of {vcpus:g} vCPUs and {memory:,} MiB", "ask for less")]
        if fargate and values.gpus:
            problems.append(("containers on Fargate have no gpus", "leave them out"))
        for what, hint in problems if report else ():
            self._diagnostics.add("DW203", origin, what, f"use platform ec2, or {hint}", field="platform", **about)
        if size is None or (values.vcpus is None and values.memory is None):
            return deployment
        return replace(deployment, vcpus=f"{size[0]:g}", memory=size[1])


def _missing(values: Deployment) -> list[tuple[str, str]]:
    """The keys that a worker's definition cannot do without, and why."""
    missing = []
    fargate = values.platform == "fargate"
    needs = "Fargate" if fargate else "a container with secrets" if values.secrets else ""
    needs = needs or ("a private registry" if values.registry_credentials else "")
    if needs and not values.execution_role:
        missing.append(("execution_role", f"{needs} needs an execution role, which pulls images and secrets"))
    if fargate and not values.job_role:
        missing.append(("job_role", "on Fargate a worker has no credentials but those of a job role"))
    return missing


def _plain(values: Deployment) -> Mapping[str, str]:
    """The variables whose values are not secrets, since ECS takes each name once."""
    return {name: value for name, value in values.environment.items() if name not in values.secrets}


def _runs_worker(task: Task) -> bool:
    """Whether a worker of an image that the deployment names runs the task, or calls back for it."""
    return bool(task.deployment.image) and (task.work.has_worker or (task.work.runs_a_job and task.calls_back))


def _of_worker(values: Deployment) -> dict[str, Any]:
    fargate = values.platform == "fargate"
    login = {"credentialsParameter": values.registry_credentials} if values.registry_credentials else None
    properties: dict[str, object] = {
        "image": values.image,
        "command": WORKER_COMMAND,
        "resourceRequirements": requirements(DEFAULT_VCPUS, DEFAULT_MEMORY_MIB, None),
        "jobRoleArn": values.job_role,
        "executionRoleArn": values.execution_role,
        "secrets": [{"name": name, "valueFrom": where} for name, where in sorted(values.secrets.items())],
        "repositoryCredentials": login,
        **(on_fargate(values.public_ip) if fargate else {}),
    }
    return named(
        {
            "type": "container",
            "platformCapabilities": ["FARGATE" if fargate else "EC2"],
            "containerProperties": {member: value for member, value in properties.items() if value},
        }
    )


def needed(workflow: Workflow, document: Mapping[str, object]) -> list[dict[str, object]]:
    """RegisterJobDefinition requests (boto3's spelling), one for each image and container of the workflow.

    :param document: the compiled document; a definition that it does not name is left out
    """
    deployments = [workflow.deployment, *(task.deployment for task in workflow.tasks)]
    jobs = [job for task in workflow.tasks if (job := task.work.submits)]
    definitions = [_of_worker(values) for values in deployments if values.image]
    definitions += [dict(job.definition) for job in jobs if job.definition]
    by_name = {each["jobDefinitionName"]: each for each in definitions}
    text = json.dumps(document) if by_name else ""
    return [by_name[name] for name in sorted(by_name) if name in text]
