"""Which tasks' outcomes decide a run's: Airflow's leaf rule."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ductwork.ir import Workflow


def leaves(upstream: Mapping[str, Sequence[str]], uncounted: Collection[str]) -> tuple[str, ...]:
    """The tasks on which nothing depends, as if those that do not count were not there, unless none counts.

    :param upstream: for each task its direct upstream tasks
    :param uncounted: the teardowns whose failure does not fail the run
    """
    counted = [task for task in upstream if task not in uncounted] or list(upstream)
    inner = {up for task in counted for up in upstream[task]}
    return tuple(task for task in counted if task not in inner)


def deciding_tasks(workflow: Workflow) -> tuple[str, ...]:
    """The tasks whose outcomes decide the run's: those on which nothing depends but teardowns.

    A teardown counts only where its failure is to fail the run; a DAG of nothing but such teardowns as do not count is
    decided by its last tasks.
    """
    uncounted = {task.task_id for task in workflow.tasks if task.is_teardown and not task.fails_run}
    return leaves({task.task_id: task.upstream for task in workflow.tasks}, uncounted)
