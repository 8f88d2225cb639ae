"""What follows in a job chain from tasks that have no instance in a run (:mod:`ductwork.ir.window`)."""

from __future__ import annotations

from collections.abc import Iterator

from ductwork.contracts.task_facts import Facts, above_by_kind, all_above, is_absent, jobs
from ductwork.planning import partial_order
from ductwork.semantics.trigger_rules import ALWAYS, EARLY


def may_wait_in_vain(facts: Facts) -> frozenset[str]:
    """The ids of the tasks that may wait in vain: those below such a task, and these themselves.

    :param facts: what a run's item says of its tasks
    """
    waiting: set[str] = set()
    for task_id, above in _in_order(facts):
        if is_absent(facts[task_id]) or waiting.intersection(above):
            waiting.add(task_id)
    return frozenset(waiting)


def never_submitted(facts: Facts) -> frozenset[str]:
    """The ids of the tasks that certainly do not run, so that nobody submits their jobs: those without an instance, and
    those that wait for one that does not run. They may still end, where a rule goes by others that were skipped or
    failed.

    :param facts: what a run's item says of its tasks
    """
    not_run: set[str] = set()
    for task_id, _ in _in_order(facts):
        if is_absent(facts[task_id]) or not_run.intersection(_waited_for(facts, task_id)):
            not_run.add(task_id)
    return frozenset(not_run)


def task_by_job_name(facts: Facts) -> dict[str, str]:
    """The task of each job that is submitted, by the job's name; joins carry none."""
    not_run = never_submitted(facts)
    return {job: task_id for job, task_id in jobs(facts).items() if task_id not in not_run}


def is_expanding(facts: Facts, tasks: tuple[str, ...]) -> bool:
    """Whether one of some tasks is mapped, so that Airflow counts their instances."""
    return any("size" in facts.get(task, {}) for task in tasks)


def _in_order(facts: Facts) -> Iterator[tuple[str, tuple[str, ...]]]:
    """All tasks with what is above them, upstream ones first; none where every task has an instance."""
    if any(map(is_absent, facts.values())):
        above = {task_id: all_above(task) for task_id, task in facts.items()}
        for task_id in partial_order.topological(above):
            yield task_id, above[task_id]


def _waited_for(facts: Facts, task_id: str) -> Iterator[str]:
    """What must have ended before a task runs, whatever it is."""
    rule = facts[task_id].get("rule")
    if rule == ALWAYS:
        return
    for name, above in above_by_kind(facts[task_id]):
        if name != "upstream" or rule not in EARLY:
            seen_all = not is_expanding(facts, above)
            yield from (up for up in above if seen_all or not is_absent(facts[up]))
