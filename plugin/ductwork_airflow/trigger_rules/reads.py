"""What a worker's evaluator reads of the ledger: the task instances that its own task looks at, and no others.

==================================  ==========================================================
looked at                           read
==================================  ==========================================================
a task, or one instance             its item; a hundred items are one request
all instances of a mapped task      whether there is a marker for each state it may end in
each instance of one, by its index  the keys of its markers: where an empty task of a mapped
                                    group stands in between, which the mirror may not have ended
==================================  ==========================================================

So it costs a few requests however many tasks and instances the run has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ductwork.contracts import ledger as schema
from ductwork.contracts.run_item import RunItem, tasks_of
from ductwork.semantics.trigger_rules import OUTCOMES

from ductwork_airflow.ledger import Ledger
from ductwork_airflow.trigger_rules import no_instance
from ductwork_airflow.trigger_rules.evaluator import Evaluator
from ductwork_airflow.trigger_rules.upstream_instances import TaskInstances, needed


def evaluator(ledger: Ledger, run: RunItem, task_id: str, index: int) -> Evaluator:
    """What decides whether this task instance runs.

    :param run: the run's item
    :param index: the map index; -1 for a task that is not mapped
    """
    facts = tasks_of(run)
    may_wait_in_vain = no_instance.may_wait_in_vain(facts)
    wanted = needed(facts, may_wait_in_vain, task_id, index)
    return Evaluator(facts, _Reads(ledger, run, wanted), fail_fast=bool(run.get("fail_fast")))


class _Reads:
    """:class:`~ductwork_airflow.trigger_rules.records.Records` of the instances needed."""

    def __init__(self, ledger: Ledger, run: RunItem, needed: Mapping[TaskInstances, bool]) -> None:
        self._ledger, self._run_key = ledger, (run["dag_id"], run["run_id"])
        single = [(task_id, index) for task_id, index in needed if index is not None]
        self._items = ledger.some_tasks(*self._run_key, single)
        self._apart = {
            task_id: dict(ledger.ends(*self._run_key, task_id)) for (task_id, _), apart in needed.items() if apart
        }
        self._sets: dict[str, set[str]] = {}

    def state(self, task_id: str, index: int) -> str | None:
        """Of one instance; None if there is no record of it."""
        if task_id in self._apart and index >= 0:
            return self._apart[task_id].get(index)
        return self._items.get((task_id, index), {}).get("state")

    def skipped(self, task_id: str) -> Sequence[str]:
        """The tasks that a task has decided to skip."""
        return self._items.get((task_id, schema.UNMAPPED), {}).get("skipped") or ()

    def states(self, task_id: str) -> set[str]:
        """Those that a mapped task's instances have ended in."""
        if task_id in self._apart:
            return set(self._apart[task_id].values())
        if task_id not in self._sets:
            ends = (end for end in sorted(OUTCOMES) if self._ledger.any_ended(*self._run_key, task_id, end))
            self._sets[task_id] = set(ends)
        return self._sets[task_id]
