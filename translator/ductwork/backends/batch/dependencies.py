"""What each job of a chain depends on."""

from __future__ import annotations

from ductwork.ir import Task, Workflow
from ductwork.planning import partial_order
from ductwork.semantics.trigger_rules import ALWAYS


def above(task: Task) -> tuple[str, ...]:
    """The tasks that have ended before a task starts."""
    return () if task.trigger_rule == ALWAYS else tuple(dict.fromkeys((*task.upstream, *task.setups, *task.scope)))


def jobs_above(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """For each task the jobs it waits for: what is below an empty task waits for what is above it."""
    is_job = {task.task_id: not task.work.is_empty for task in workflow.tasks}
    waits: dict[str, tuple[str, ...]] = {}
    for task in workflow.tasks:
        jobs = (job for up in above(task) for job in ((up,) if is_job[up] else waits[up]))
        waits[task.task_id] = tuple(dict.fromkeys(jobs))
    return waits


def dependencies(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """For each job the fewest others that it must depend on: the transitive reduction."""
    jobs = {task.task_id for task in workflow.tasks if not task.work.is_empty}
    return partial_order.Order(
        {task: waits for task, waits in jobs_above(workflow).items() if task in jobs}
    ).reduced_upstream()
