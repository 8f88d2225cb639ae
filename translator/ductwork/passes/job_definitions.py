"""A worker task that names an image gets the job definition that runs it; all definitions that a workflow needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ductwork.diagnostics import Diagnostics
from ductwork.ir import BatchJob, Deployment, Task, Worker, Workflow
from ductwork.passes.containers import named

WORKER_COMMAND = ["ductwork", "worker"]
_DEFAULT_VCPUS = "1"
_DEFAULT_MEMORY_MIB = 2048


def name_images(workflow: Workflow, diagnostics: Diagnostics) -> Workflow:
    """Point every worker task that has an image at the definition :func:`needed` describes for that image."""
    return replace(workflow, tasks=tuple(map(_named, workflow.tasks)))


def _named(task: Task) -> Task:
    if not _runs_worker(task):
        return task
    return replace(
        task, deployment=replace(task.deployment, job_definition=_of_worker(task.deployment)["jobDefinitionName"])
    )


def _runs_worker(task: Task) -> bool:
    """Whether a worker of an image that the deployment names runs the task, or calls back for it."""
    calls_back = isinstance(task.work, BatchJob) and task.calls_back
    return bool(task.deployment.image) and (isinstance(task.work, Worker) or calls_back)


def _of_worker(deployment: Deployment) -> dict[str, Any]:
    roles = {"jobRoleArn": deployment.job_role, "executionRoleArn": deployment.execution_role}
    return named(
        {
            "type": "container",
            "containerProperties": {
                "image": deployment.image,
                "command": WORKER_COMMAND,
                "resourceRequirements": [
                    {"type": "VCPU", "value": _DEFAULT_VCPUS},
                    {"type": "MEMORY", "value": str(_DEFAULT_MEMORY_MIB)},
                ],
                **{member: role for member, role in roles.items() if role},
            },
        }
    )


def needed(workflow: Workflow) -> list[dict[str, Any]]:
    """RegisterJobDefinition requests (boto3's spelling) for the images and containers of the workflow, one for each."""
    found: list[dict[str, Any]] = []
    for task in workflow.tasks:
        if _runs_worker(task):
            found.append(_of_worker(task.deployment))
        if isinstance(task.work, BatchJob) and task.work.definition:
            found.append(dict(task.work.definition))
    return sorted({each["jobDefinitionName"]: each for each in found}.values(), key=_name)


def _name(definition: Mapping[str, Any]) -> str:
    return str(definition["jobDefinitionName"])
