"""Workers of tasks that are containers: what a task says of its container is not said of the small worker beside it,
which submits the container, or calls back when it has failed.
"""

from __future__ import annotations

from dataclasses import replace

from ductwork.diagnostics import Diagnostics
from ductwork.ir import Deployment, Task, Workflow


def set_workers_apart(workflow: Workflow, diagnostics: Diagnostics) -> Workflow:
    """Give the worker of each container the values that hold for all workers, in the task's own queue.

    This includes tasks without a worker, since a job chain may give them one.
    """
    return replace(workflow, tasks=tuple(_apart(task, workflow.deployment) for task in workflow.tasks))


def _apart(task: Task, common: Deployment) -> Task:
    job = task.work.submits
    if job is None or job.container is None:
        return task
    values = task.deployment
    worker = replace(
        values,
        vcpus=common.vcpus,
        memory=common.memory,
        gpus=common.gpus,
        job_role=common.job_role,
        # Without one no container starts on Fargate.
        execution_role=common.execution_role or values.execution_role,
        registry_credentials=common.registry_credentials,
        secrets=common.secrets,
    )
    return replace(task, deployment=worker, container_deployment=values)
