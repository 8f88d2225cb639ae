"""Restarts: what of a run is kept and what runs again, as Airflow's Clear would have it.

The plan is written into the run's item by the same conditional write that reopens the run, and is gone when the new
execution has begun. Whoever finds a run with a plan completes that restart, so it happens once, whoever dies in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ductwork import ledger_schema as schema

from ductwork_airflow.ledger import Item, Ledger, now
from ductwork_airflow.submit.errors import SubmissionError

# What ended well, for Airflow's Clear "only failed".
_KEPT = frozenset({"success", "skipped"})

# What a try leaves on a task instance's item, and its successor must not find.
_OF_A_TRY = (
    "ended_at",
    "error",
    "heartbeat_at",
    "hostname",
    "job_attempt",
    "job_id",
    "log_stream",
    "outcome",
    "pid",
    "skipped",
    "started_at",
    "stopped",
    "until",
)


@dataclass(frozen=True)
class Plan:
    """
    :param number: 1 for a run's first restart
    :param done: the outcomes of the tasks that are kept
    :param again: the tasks that run again
    """

    number: int
    done: Mapping[str, str]
    again: Sequence[str]

    def text(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of(cls, run: Item) -> Plan | None:
        """The plan of a restart that has been decided and has not begun."""
        return cls(**json.loads(run["restart"])) if run.get("restart") else None


def make(run: Item, items: Sequence[Item], number: int, task_ids: Sequence[str] | None) -> Plan:
    """
    :param task_ids: these and all tasks downstream of them run again, as does everything that did not end well; None
        for the latter only
    :raises SubmissionError: the run has no such task
    """
    facts = run.get("tasks") or {}
    states: dict[str, set[str]] = {task_id: {""} for task_id in facts}
    for item in items:
        # What never ran because the run was stopped is shown as skipped, and has not ended well.
        state = "" if item.get("stopped") else item.get("state", "")
        states.setdefault(item["task_id"], set()).add(state)
        if state:
            states[item["task_id"]].discard("")
    if unknown := sorted(set(task_ids or ()) - states.keys()):
        raise SubmissionError(
            f"run {run['run_id']!r} has no task {', '.join(unknown)}; it has {', '.join(sorted(states))}"
        )
    cleared = _downstream(task_ids or (), facts)
    done = {
        task_id: "success" if "success" in found else "skipped"
        for task_id, found in states.items()
        if found and found <= _KEPT and task_id not in cleared
    }
    return Plan(number, done, sorted(states.keys() - done.keys()))


def _downstream(task_ids: Iterable[str], facts: Mapping[str, Mapping[str, Any]]) -> set[str]:
    below: dict[str, list[str]] = {}
    for task_id, own in facts.items():
        for up in own.get("upstream", ()):
            below.setdefault(up, []).append(task_id)
    found: set[str] = set()
    waiting = list(task_ids)
    while waiting:
        if (task_id := waiting.pop()) not in found:
            found.add(task_id)
            waiting += below.get(task_id, ())
    return found


def reopen(ledger: Ledger, run: Item, plan: Plan, **attributes: Any) -> bool:
    """Put an ended run back to running, with its plan. False if somebody else has done so."""
    changes = {"state": "running", "restart": plan.text(), "restarts": plan.number, **attributes}
    gone = dict.fromkeys(("ended_at", "error", "stopping"))
    # ended_at tells one end of the run from another: a run that was restarted and has failed again is not this one.
    condition = "ended_at = :ended_at"
    values = {":ended_at": run["ended_at"]}
    return ledger.update(run["pk"], run["sk"], {**changes, **gone}, condition=condition, values=values)


def reset(ledger: Ledger, run: Item, items: Sequence[Item], plan: Plan) -> None:
    """Make the task instances that run again look as Airflow's cleared ones, once, and delete their XComs."""
    facts, again = run.get("tasks") or {}, set(plan.again)
    for item in items:
        if item["task_id"] in again:
            retries = facts.get(item["task_id"], {}).get("max_tries", 0)
            _reset(ledger, item, plan.number, retries)


def _reset(ledger: Ledger, item: Item, number: int, retries: int) -> None:
    tried = int(item.get("try_number", 0))
    changes: dict[str, Any] = {
        **dict.fromkeys(_OF_A_TRY),
        "state": "scheduled",
        "restarted": number,
        # A task that never ran has no number: it gets one when it runs, and 0 if it does not this time either.
        "try_number": tried + 1 if tried else None,
        "rank": schema.rank("scheduled", tried + 1) if tried else None,
        "max_tries": tried + retries if tried else None,
        "base_try": tried or None,
        "updated_at": now(),
    }
    condition = "attribute_not_exists(#restarted) OR #restarted < :restarted"
    if not ledger.update(item["pk"], item["sk"], changes, condition=condition):
        return
    prefix = f"xcom#{item['task_id']}#"
    for xcom in ledger.partition(item["pk"], prefix):
        if xcom["map_index"] == item["map_index"]:
            ledger.delete(xcom["pk"], xcom["sk"])
