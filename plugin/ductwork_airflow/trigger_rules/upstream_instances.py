"""Which task instances a task instance looks at before it runs: above it, and of a mapped task one or all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ductwork.contracts.ledger import UNMAPPED
from ductwork.contracts.task_facts import Facts, TaskFacts, above_by_kind
from ductwork.semantics.trigger_rules import ALWAYS

TaskInstances = tuple[str, int | None]
"""A task id and a map index: -1 for a task that is not mapped, None for all instances."""


def indexes(task: TaskFacts) -> Sequence[int]:
    """The map indexes of a task's instances: -1 for one that is not mapped, or has no instances.

    :param task: what the run's item says of the task
    """
    return range(task["size"]) if task.get("size") else (UNMAPPED,)


def instance(facts: Facts, task_id: str, index: int | None, up: str) -> int | None:
    """Which instance of an upstream task one of ``task_id`` looks at; None: all.

    Within one mapped task group it is the one of the same index.
    """
    theirs = facts.get(up, {})
    if not theirs.get("size"):
        return UNMAPPED
    group = theirs.get("group")
    return index if group and group == facts.get(task_id, {}).get("group") else None


def needed(facts: Facts, may_wait_in_vain: Collection[str], task_id: str, index: int) -> dict[TaskInstances, bool]:
    """By instances that a task instance looks at: whether it needs to know, of all instances, which has ended how.

    :param may_wait_in_vain: the tasks that may wait in vain
    """
    apart_by_instances: dict[TaskInstances, bool] = {}
    waiting: list[TaskInstances] = [(task_id, index)]
    while waiting:
        at = waiting.pop()
        for above in _looked_at(facts, *at, may_wait_in_vain=bool(may_wait_in_vain)):
            # Nobody has ended an empty task for certain, or one that waits in vain, so what is above it counts too.
            empty = "job" not in facts.get(above[0], {}) or above[0] in may_wait_in_vain
            apart = above[1] is None and (empty or (at[1] is None and above[0] in _of_group(facts, at[0])))
            if above not in apart_by_instances and empty:
                waiting.append(above)
            apart_by_instances[above] = apart_by_instances.get(above, False) or apart
    return apart_by_instances


def _looked_at(facts: Facts, task_id: str, index: int | None, *, may_wait_in_vain: bool) -> Iterator[TaskInstances]:
    task = facts.get(task_id, {})
    if task.get("rule") != ALWAYS:
        yield from ((up, UNMAPPED) for up in task.get("skippers") or ())
        # A scope counts where it may wait in vain; else nobody looks.
        for name, tasks in above_by_kind(task):
            if name != "scope" or may_wait_in_vain:
                yield from ((up, instance(facts, task_id, index, up)) for up in tasks)


def _of_group(facts: Facts, task_id: str) -> set[str]:
    """The upstream tasks of a task in its own mapped task group."""
    task = facts.get(task_id, {})
    upstream = (*(task.get("upstream") or ()), *(task.get("setups") or ()))
    return {up for up in upstream if task.get("group") and facts.get(up, {}).get("group") == task["group"]}
