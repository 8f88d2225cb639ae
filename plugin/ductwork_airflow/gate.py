"""The trigger rule in a job chain, where no state machine decides: the worker does, before it runs its task.

Batch starts a job when all it depends on has ended; the ledger says how. The mirror asks the same of tasks without a
job, and of those whose job Batch does not start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ductwork import graph
from ductwork.ledger_schema import TERMINAL_STATES
from ductwork.trigger_rules import ALWAYS, DEFAULT, EARLY, FAILED, Verdict, verdict

from ductwork_airflow.ledger import Item, LedgerError

Facts = Mapping[str, Mapping[str, Any]]


def above(own: Mapping[str, Any]) -> tuple[str, ...]:
    """The tasks that have ended before a task is decided on.

    :param own: what the run's item says of the task
    """
    return () if own.get("rule") == ALWAYS else _all_above(own)


def evaluate(task_id: str, facts: Facts, items: Sequence[Item]) -> Verdict:
    """Whether a task runs.

    :param facts: what the run's item says of its tasks: see :mod:`ductwork.backends.batch.manifest`
    :param items: the run's task instances in the ledger
    :raises LedgerError: an upstream task has not ended
    """
    return Gate(facts, items).verdict(task_id)


class Gate:
    """The verdicts of a run's tasks, as far as what is above them has ended. Parameters as for :func:`evaluate`."""

    def __init__(self, facts: Facts, items: Sequence[Item]) -> None:
        self._facts = facts
        self._recorded: dict[str, list[Item]] = {}
        for item in items:
            self._recorded.setdefault(item["task_id"], []).append(item)
        self._skipped = {task_id for item in items for task_id in item.get("skipped") or ()}
        self._verdicts: dict[str, Verdict] = {}

    def verdict(self, task_id: str) -> Verdict:
        """
        :raises LedgerError: an upstream task has not ended
        """
        if task_id not in self._verdicts:
            self._verdicts[task_id] = self._decide(task_id)
        return self._verdicts[task_id]

    def _decide(self, task_id: str) -> Verdict:
        own = self._facts.get(task_id, {})
        rule = own.get("rule", DEFAULT)
        if rule == ALWAYS:
            return "run"
        # A branch skips its targets whatever else is upstream of them.
        if task_id in self._skipped:
            return "skipped"
        by_setups = verdict(DEFAULT, self._ends(own.get("setups") or ()))
        if by_setups != "run":
            return by_setups
        upstream = own.get("upstream") or ()
        ends = self._ends(upstream)
        if rule == DEFAULT and self._skipped_first(upstream):
            return "skipped"
        setups = [up for up in upstream if self._facts.get(up, {}).get("setup")]
        return verdict(rule, ends, self._ends(setups))

    def _ends(self, task_ids: Sequence[str]) -> list[str]:
        return [end for task_id in task_ids for end in self._outcomes(task_id)]

    def _outcomes(self, task_id: str) -> list[str]:
        own = self._facts.get(task_id, {})
        if task_id not in self._recorded:
            # A job that keeps no record of its own has succeeded, or Batch would not have started this one.
            return ["success"] if "job" in own else self._instant(task_id)
        states = [item["state"] for item in self._recorded[task_id]]
        if "job" not in own:
            # The mirror ends it, and may be behind; a restart may have it scheduled again.
            return states if TERMINAL_STATES.issuperset(states) else self._instant(task_id)
        if own.get("native"):
            # The mirror keeps its record, which may be behind.
            return [state if state in TERMINAL_STATES else "success" for state in states]
        for state in states:
            if state not in TERMINAL_STATES:
                raise LedgerError(
                    f"upstream task {task_id!r} is {state!r} in the ledger, but its job has ended: "
                    "was the job started by hand, or the ledger restored?"
                )
        return states

    def _instant(self, task_id: str) -> list[str]:
        """A task without any job ends as its rule decides."""
        own = self.verdict(task_id)
        return ["success" if own == "run" else own]

    def _skipped_first(self, upstream: Sequence[str]) -> bool:
        """Airflow's all_success goes by the first upstream task that did not succeed. Which ends first is told by the
        levels of the graph, as in a state machine, so that it does not depend on the clock."""
        ends = {up: set(self._outcomes(up)) for up in upstream}
        if not any("skipped" in found for found in ends.values()) or not any(map(FAILED.intersection, ends.values())):
            return False
        levels = _levels(self._facts)
        skipped = min(levels[up] for up, found in ends.items() if "skipped" in found)
        return skipped < min(
            levels[up] + int(self._facts[up].get("max_tries", 0)) for up, found in ends.items() if found & FAILED
        )


def _levels(facts: Facts) -> dict[str, int]:
    """How many tasks come one after another before each, at the least for a rule that decides early."""
    levels: dict[str, int] = {}
    for task_id in graph.topological({task_id: _all_above(own) for task_id, own in facts.items()}):
        own = facts[task_id]
        nearest = min if own.get("rule") in EARLY else max
        upstream = nearest((levels[up] + 1 for up in own.get("upstream") or ()), default=0)
        further = [levels[up] + 1 for name in ("setups", "scope") for up in own.get(name) or ()]
        levels[task_id] = max([upstream, *further])
    return levels


def _all_above(own: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(up for name in ("upstream", "setups", "scope") for up in own.get(name) or ()))
