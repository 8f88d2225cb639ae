"""Mapped tasks in a job chain: how many instances each has must be known when the chain is compiled.

==========  ================================================================================
instances   what carries them
==========  ================================================================================
none        no job: the task is skipped, unless its rule ends it otherwise
1           a plain job, which is told that it is instance 0
2..10,000   an array job
==========  ================================================================================

Instances of one mapped task group depend on each other one by one (``N_TO_N``); whoever else comes after a mapped task
waits for all its instances.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ductwork.ir import NoOp, Task, Workflow


def prepared(workflow: Workflow, known: Mapping[str, int]) -> Workflow:
    """Each mapped task as a chain carries it out.

    :param known: see :attr:`Workflow.sizes`
    """
    return replace(workflow, tasks=tuple(_prepared(task, known.get(task.task_id)) for task in workflow.tasks))


def _prepared(task: Task, size: int | None) -> Task:
    if size == 0:
        return replace(task, work=NoOp("expanded over nothing"))
    if size is not None and task.work.native_job and not task.work.container:
        # The children of an array have one request, and only a worker sees which instance it is.
        return replace(task, work=task.work.in_worker("in a job chain, the instances of a mapped task run in workers"))
    return task


def one_by_one(task: Task, above: Iterable[str], workflow: Workflow, known: Mapping[str, int]) -> list[str]:
    """Of the tasks that a task depends on, those of which each instance waits for the one of its own index alone."""
    if not task.mapped_group or known.get(task.task_id, 0) < 2:
        return []
    by_id = workflow.by_id
    return [up for up in above if by_id[up].mapped_group == task.mapped_group]
