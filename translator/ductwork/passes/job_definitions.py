"""A task that names an image gets the job definition that runs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ductwork.diagnostics import Diagnostics
from ductwork.ir import Task, Worker, Workflow
from ductwork.names import short_hash

WORKER_COMMAND = ["ductwork", "worker"]
_DEFAULT_VCPUS = "1"
_DEFAULT_MEMORY_MIB = 2048


def name_images(workflow: Workflow, diagnostics: Diagnostics) -> Workflow:
    """Point every worker task that has an image at the definition :func:`needed` describes for that image."""
    return replace(workflow, tasks=tuple(map(_named, workflow.tasks)))


def _named(task: Task) -> Task:
    deployment = task.deployment
    if not deployment.image or not isinstance(task.work, Worker):
        return task
    name = f"ductwork-{short_hash(deployment.image, 16)}"
    return replace(task, deployment=replace(deployment, job_definition=name))


def needed(workflow: Workflow) -> list[dict[str, Any]]:
    """RegisterJobDefinition requests (boto3's spelling) for the images the workflow names, one per image."""
    images = {
        task.deployment.image: task.deployment.job_definition
        for task in workflow.tasks
        if task.deployment.image and isinstance(task.work, Worker)
    }
    return [
        {
            "jobDefinitionName": name,
            "type": "container",
            "containerProperties": {
                "image": image,
                "command": WORKER_COMMAND,
                "resourceRequirements": [
                    {"type": "VCPU", "value": _DEFAULT_VCPUS},
                    {"type": "MEMORY", "value": str(_DEFAULT_MEMORY_MIB)},
                ],
            },
        }
        for image, name in sorted(images.items())
    ]
