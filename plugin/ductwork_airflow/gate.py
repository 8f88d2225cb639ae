"""The trigger rule in a job chain, where no state machine decides: the worker does, before it runs its task.

It is all_success: the compiler refuses chains with other rules (DW302).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ductwork.ledger_schema import TERMINAL_STATES
from ductwork.trigger_rules import DEFAULT, Verdict, verdict

from ductwork_airflow.ledger import Item, LedgerError


def evaluate(task_id: str, facts: Mapping[str, Mapping[str, Any]], items: Sequence[Item]) -> Verdict:
    """Whether a task runs.

    :param facts: what the run's item says of its tasks: ``upstream``, ``job``, ``native``
    :param items: the run's task instances in the ledger
    :raises LedgerError: an upstream task has not ended
    """
    recorded: dict[str, list[Item]] = {}
    for item in items:
        recorded.setdefault(item["task_id"], []).append(item)
    return _evaluate(task_id, facts, recorded)


def _evaluate(task_id: str, facts: Mapping[str, Mapping[str, Any]], recorded: Mapping[str, list[Item]]) -> Verdict:
    upstream = facts.get(task_id, {}).get("upstream") or []
    # A branch skips its targets whatever else is upstream of them.
    if any(task_id in (item.get("skipped") or ()) for name in upstream for item in recorded.get(name, ())):
        return "skipped"
    outcomes = [outcome for name in upstream for outcome in _outcomes(name, facts, recorded)]
    return verdict(DEFAULT, outcomes)


def _outcomes(task_id: str, facts: Mapping[str, Mapping[str, Any]], recorded: Mapping[str, list[Item]]) -> list[str]:
    if task_id not in recorded:
        # A job that keeps no record of its own has succeeded, or Batch would not have started this one.
        return ["success"] if "job" in facts.get(task_id, {}) else _instant(task_id, facts, recorded)
    if "job" not in facts.get(task_id, {}):
        # The mirror ends it, and may be behind; a restart may have it scheduled again.
        states = [item["state"] for item in recorded[task_id]]
        return states if TERMINAL_STATES.issuperset(states) else _instant(task_id, facts, recorded)
    if facts.get(task_id, {}).get("native"):
        # The mirror keeps its record, which may be behind.
        return [item["state"] if item["state"] in TERMINAL_STATES else "success" for item in recorded[task_id]]
    for item in recorded[task_id]:
        if item["state"] not in TERMINAL_STATES:
            raise LedgerError(
                f"upstream task {task_id!r} is {item['state']!r} in the ledger, but its job has ended: "
                "was the job started by hand, or the ledger restored?"
            )
    return [item["state"] for item in recorded[task_id]]


def _instant(task_id: str, facts: Mapping[str, Mapping[str, Any]], recorded: Mapping[str, list[Item]]) -> list[str]:
    """A task without any job ends as its own upstream tasks decide."""
    own = _evaluate(task_id, facts, recorded)
    return ["success" if own == "run" else own]
