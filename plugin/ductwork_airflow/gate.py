"""The trigger rule in a job chain, where no state machine decides: the worker does, before it runs its task.

Batch starts a job when all it depends on has ended; the ledger says how. The mirror asks the same of tasks without a
job, and of those whose job Batch does not start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from ductwork import graph
from ductwork.ledger_schema import TERMINAL_STATES, UNMAPPED
from ductwork.trigger_rules import ALWAYS, DEFAULT, EARLY, FAILED, Verdict, verdict

from ductwork_airflow.ledger import Item, LedgerError

Facts = Mapping[str, Mapping[str, Any]]


class Records(Protocol):
    """What a run's task instances have left in the ledger."""

    def state(self, task_id: str, index: int) -> str | None:
        """Of one instance; None if there is no record of it."""

    def skipped(self, task_id: str) -> Sequence[str]:
        """The tasks that a task has decided to skip."""

    def states(self, task_id: str) -> Collection[str]:
        """Those that a mapped task's instances are in."""


class Known:
    """Records that have been read already.

    :param items: the run's task instances
    """

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._items: dict[str, dict[int, Item]] = {}
        self._states: dict[str, Counter[str]] = {}
        for item in items:
            self.put(item["task_id"], item["map_index"], item)

    def put(self, task_id: str, index: int, item: Item) -> None:
        of_task, counted = self._items.setdefault(task_id, {}), self._states.setdefault(task_id, Counter())
        if index in of_task:
            counted[str(of_task[index].get("state"))] -= 1
        of_task[index] = item
        counted[str(item.get("state"))] += 1

    def get(self, task_id: str, index: int) -> Item | None:
        return self._items.get(task_id, {}).get(index)

    def state(self, task_id: str, index: int) -> str | None:
        item = self.get(task_id, index)
        return None if item is None else item.get("state")

    def skipped(self, task_id: str) -> Sequence[str]:
        return (self.get(task_id, UNMAPPED) or {}).get("skipped") or ()

    def states(self, task_id: str) -> set[str]:
        return {state for state, number in self._states.get(task_id, {}).items() if number}

    def ended(self, task_id: str) -> int:
        """How many of a task's instances have ended."""
        return sum(number for state, number in self._states.get(task_id, {}).items() if state in TERMINAL_STATES)


def above(own: Mapping[str, Any]) -> tuple[str, ...]:
    """The tasks that have ended before a task is decided on.

    :param own: what the run's item says of the task
    """
    return () if own.get("rule") == ALWAYS else _all_above(own)


def indexes(own: Mapping[str, Any]) -> Sequence[int]:
    """The map indexes of a task's instances: -1 for one that is not mapped, or has no instances."""
    return range(own["size"]) if own.get("size") else (UNMAPPED,)


def instance(facts: Facts, task_id: str, index: int | None, up: str) -> int | None:
    """Which instance of an upstream task one of ``task_id`` looks at; None: all.

    Within one mapped task group it is the one of the same index.
    """
    theirs = facts.get(up, {})
    if not theirs.get("size"):
        return UNMAPPED
    group = theirs.get("group")
    return index if group and group == facts.get(task_id, {}).get("group") else None


class Gate:
    """The verdicts of a run's tasks, as far as what is above them has ended.

    :param facts: what the run's item says of its tasks: see :mod:`ductwork.backends.batch.manifest`
    """

    def __init__(self, facts: Facts, records: Records) -> None:
        self._facts, self._records = facts, records
        self._verdicts: dict[tuple[str, int], Verdict] = {}

    def verdict(self, task_id: str, index: int = UNMAPPED) -> Verdict:
        """Whether a task instance runs.

        :raises LedgerError: an upstream task has not ended
        """
        key = (task_id, index)
        if key not in self._verdicts:
            self._verdicts[key] = self._decide(task_id, index)
        return self._verdicts[key]

    def _decide(self, task_id: str, index: int) -> Verdict:
        own = self._facts.get(task_id, {})
        found = self._by_rule(task_id, index, own)
        # A mapped task that nothing diverts and that has no instances.
        return "skipped" if found == "run" and own.get("size") == 0 else found

    def _by_rule(self, task_id: str, index: int, own: Mapping[str, Any]) -> Verdict:
        rule = own.get("rule", DEFAULT)
        if rule == ALWAYS:
            return "run"
        # A branch skips its targets whatever else is upstream of them.
        if any(task_id in self._records.skipped(up) for up in own.get("skippers") or ()):
            return "skipped"
        ends = {up: self._seen(task_id, index, up) for up in (*(own.get("upstream") or ()), *(own.get("setups") or ()))}
        by_setups = verdict(DEFAULT, _union(ends, own.get("setups") or ()))
        if by_setups != "run":
            return by_setups
        upstream = own.get("upstream") or ()
        if rule == DEFAULT and self._skipped_first({up: ends[up] for up in upstream}):
            return "skipped"
        setups = [up for up in upstream if self._facts.get(up, {}).get("setup")]
        return verdict(rule, _union(ends, upstream), _union(ends, setups))

    def _seen(self, task_id: str, index: int, up: str) -> Collection[str]:
        """How an upstream task has ended, as far as an instance looks at it."""
        at, own = instance(self._facts, task_id, index, up), self._facts.get(up, {})
        if at is not None:
            return {self._outcome(up, at)}
        if "job" not in own:
            return {self._outcome(up, each) for each in indexes(own)}
        states = self._records.states(up)
        if not states:
            raise LedgerError(f"no instance of upstream task {up!r} has ended in the ledger, but their jobs have")
        return {_ended(up, state) for state in states}

    def _outcome(self, task_id: str, index: int) -> str:
        own, state = self._facts.get(task_id, {}), self._records.state(task_id, index)
        if "job" not in own:
            # The mirror ends it, and may be behind; a restart may have it scheduled again.
            return state if state in TERMINAL_STATES else self._instant(task_id, index)
        if own.get("native"):
            # The mirror keeps its record, which may be behind: it has succeeded, or Batch would not have started this.
            return state if state in TERMINAL_STATES else "success"
        return _ended(task_id, state)

    def _instant(self, task_id: str, index: int) -> str:
        """A task without any job ends as its rule decides."""
        own = self.verdict(task_id, index)
        return "success" if own == "run" else own

    def _skipped_first(self, ends: Mapping[str, Collection[str]]) -> bool:
        """Airflow's all_success goes by the first upstream task that did not succeed. Which ends first is told by the
        levels of the graph, as in a state machine, so that it does not depend on the clock."""
        skipped = [up for up, found in ends.items() if "skipped" in found]
        failed = [up for up, found in ends.items() if FAILED.intersection(found)]
        if not skipped or not failed:
            return False
        retries = {up: int(self._facts[up].get("max_tries", 0)) for up in failed}
        return min(self._levels[up] for up in skipped) < min(self._levels[up] + retries[up] for up in failed)

    @cached_property
    def _levels(self) -> dict[str, int]:
        """How many tasks come one after another before each, at the least for a rule that decides early."""
        levels: dict[str, int] = {}
        for task_id in graph.topological({task_id: _all_above(own) for task_id, own in self._facts.items()}):
            own = self._facts[task_id]
            nearest = min if own.get("rule") in EARLY else max
            upstream = nearest((levels[up] + 1 for up in own.get("upstream") or ()), default=0)
            further = [levels[up] + 1 for name in ("setups", "scope") for up in own.get(name) or ()]
            levels[task_id] = max([upstream, *further])
        return levels


def _union(ends: Mapping[str, Collection[str]], task_ids: Iterable[str]) -> set[str]:
    return {end for task_id in task_ids for end in ends[task_id]}


def _ended(task_id: str, state: str | None) -> str:
    if state not in TERMINAL_STATES:
        raise LedgerError(
            f"upstream task {task_id!r} is {state or 'not'!r} in the ledger, but its job has ended: "
            "was the job started by hand, or the ledger restored?"
        )
    return state


def _all_above(own: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(up for name in ("upstream", "setups", "scope") for up in own.get(name) or ()))
