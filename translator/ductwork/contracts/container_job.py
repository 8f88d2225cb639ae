"""What a worker is told that submits an operator's container as a job: where to, and what the DAG file does not say.

It is the text of a variable of the worker's environment, as JSON. The rest the worker finds out as the compiler does:
the operator, once Airflow has rendered it, goes through the same rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ductwork.ir import Deployment, Task

CONTAINER_VARIABLE: Final = "DUCTWORK_CONTAINER"
_DEFINITION, _DEPLOYMENT = "jobDefinition", "deployment"
# The others are of the worker alone.
_OF_CONTAINERS = (
    *("job_queue", "vcpus", "memory", "gpus", "timeout", "share_identifier", "scheduling_priority", "propagate_tags"),
    *("environment", "tags", "container_image", "worker_image", "platform", "public_ip", "job_role", "execution_role"),
    *("registry_credentials", "secrets", "volumes", "ignore"),
)
_UNSAID: tuple[object, ...] = (None, {}, frozenset())
# A place that a stack fills with the role of workers, which no container of the author's takes.
_PLACE = "${"


@dataclass(frozen=True)
class ContainerJob:
    """What a worker is told.

    :param definition: the job definition; empty: it depends on the run, and the worker registers one
    :param deployment: the deployment values of the task
    """

    definition: str
    deployment: Deployment

    def text(self) -> str:
        """As JSON, without what nobody has said."""
        told: dict[str, object] = {_DEFINITION: self.definition} if self.definition else {}
        values = {name: getattr(self.deployment, name) for name in _OF_CONTAINERS}
        told[_DEPLOYMENT] = {name: _plain(value) for name, value in values.items() if value not in _UNSAID}
        return json.dumps(told, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> ContainerJob:
        """The inverse of :meth:`text`.

        :raises ValueError: it is no such text
        """
        try:
            told = json.loads(text)
            values = {**told[_DEPLOYMENT]}
            values["ignore"] = frozenset(values.get("ignore", ()))
            return cls(str(told.get(_DEFINITION, "")), Deployment(**values))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not what a worker of a container is told ({error})") from error


def of_task(task: Task) -> ContainerJob | None:
    """What the worker of a task is told; None for one that submits no container."""
    job = task.work.submits
    if not task.work.submits_container or job is None:
        return None
    values = task.container_deployment or task.deployment
    role = None if (values.job_role or "").startswith(_PLACE) else values.job_role
    return ContainerJob(str((job.definition or {}).get("jobDefinitionName", "")), replace(values, job_role=role))


def _plain(value: object) -> object:
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    return dict(value) if isinstance(value, Mapping) else value
