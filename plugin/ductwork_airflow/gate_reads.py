"""What a worker's gate reads of the ledger: the task instances that its own task looks at, and no others.

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

from collections.abc import Iterator, Mapping, Sequence

from ductwork import ledger_schema as schema
from ductwork.trigger_rules import ALWAYS, OUTCOMES

from ductwork_airflow.gate import Facts, Gate, instance
from ductwork_airflow.ledger import Item, Ledger

Place = tuple[str, int | None]


def gate(ledger: Ledger, run: Item, task_id: str, index: int) -> Gate:
    """What decides whether this task instance runs.

    :param run: the run's item
    """
    facts = run["tasks"]
    return Gate(facts, _Reads(ledger, run, _needed(facts, task_id, index)))


def _needed(facts: Facts, task_id: str, index: int) -> dict[Place, bool]:
    """The places that are looked at: a task and an index, None for all. Whether each instance of all is told apart."""
    found: dict[Place, bool] = {}
    waiting: list[Place] = [(task_id, index)]
    while waiting:
        at = waiting.pop()
        for place in _looked_at(facts, *at):
            # Nobody has ended an empty task for certain, so what is above it counts too.
            empty = "job" not in facts.get(place[0], {})
            apart = place[1] is None and (empty or (at[1] is None and place[0] in _of_group(facts, at[0])))
            if place not in found and empty:
                waiting.append(place)
            found[place] = found.get(place, False) or apart
    return found


def _looked_at(facts: Facts, task_id: str, index: int | None) -> Iterator[Place]:
    own = facts.get(task_id, {})
    if own.get("rule") != ALWAYS:
        yield from ((up, schema.UNMAPPED) for up in own.get("skippers") or ())
        for name in ("upstream", "setups"):
            yield from ((up, instance(facts, task_id, index, up)) for up in own.get(name) or ())


def _of_group(facts: Facts, task_id: str) -> set[str]:
    """The upstream tasks of a task in its own mapped task group."""
    own = facts.get(task_id, {})
    above = (*(own.get("upstream") or ()), *(own.get("setups") or ()))
    return {up for up in above if own.get("group") and facts.get(up, {}).get("group") == own["group"]}


class _Reads:
    """:class:`~ductwork_airflow.gate.Records` of the places needed."""

    def __init__(self, ledger: Ledger, run: Item, needed: Mapping[Place, bool]) -> None:
        self._ledger, self._names = ledger, (run["dag_id"], run["run_id"])
        single = [(task_id, index) for task_id, index in needed if index is not None]
        self._items = ledger.some_tasks(*self._names, single)
        self._apart = {
            task_id: dict(ledger.ends(*self._names, task_id)) for (task_id, _), apart in needed.items() if apart
        }
        self._sets: dict[str, set[str]] = {}

    def state(self, task_id: str, index: int) -> str | None:
        if task_id in self._apart and index >= 0:
            return self._apart[task_id].get(index)
        return self._items.get((task_id, index), {}).get("state")

    def skipped(self, task_id: str) -> Sequence[str]:
        return self._items.get((task_id, schema.UNMAPPED), {}).get("skipped") or ()

    def states(self, task_id: str) -> set[str]:
        if task_id in self._apart:
            return set(self._apart[task_id].values())
        if task_id not in self._sets:
            ends = (end for end in sorted(OUTCOMES) if self._ledger.any_ended(*self._names, task_id, end))
            self._sets[task_id] = set(ends)
        return self._sets[task_id]
