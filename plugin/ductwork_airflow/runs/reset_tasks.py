"""Brings a run and its task instances in the ledger to where a restart begins, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ductwork.contracts import ledger as schema
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_facts import Facts
from ductwork.contracts.task_item import TaskItem, tried

from ductwork_airflow.ledger import Ledger, TaskKey, expiry, moved_to, now
from ductwork_airflow.runs.restart_plan import Plan

# What a try leaves on a task instance's item, and its successor must not find.
_OF_A_TRY = (
    "asset_events_due",
    "callbacks_due",
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

_ONCE = "attribute_not_exists(#restarted) OR #restarted < :restarted"


def reopen(ledger: Ledger, run: RunItem, plan: Plan, **attributes: object) -> bool:
    """Put an ended run back to running, with its plan. False if somebody else has done so."""
    changes = {"state": "running", "restart": plan.text(), "restarts": plan.number, **attributes}
    gone = dict.fromkeys(("ended_at", "error", "reason", "stopping"))
    # ended_at tells one end of the run from another: a run that was restarted and has failed again is not this one.
    condition = "ended_at = :ended_at"
    values = {":ended_at": run["ended_at"]}
    return ledger.update(run["pk"], run["sk"], {**changes, **gone}, condition=condition, values=values)


def reset(ledger: Ledger, run: RunItem, items: list[TaskItem], plan: Plan) -> None:
    """Bring the task instances into the plan's state, once.

    Those that run again look as Airflow's cleared ones, and their XComs are gone; the marked ones have ended.
    """
    facts, again = run.get("tasks") or {}, set(plan.again)
    for item in items:
        if item["task_id"] in again and not plan.keeps(item):
            retries = facts.get(item["task_id"], {}).get("max_tries", 0)
            _reset(ledger, run, item, plan.number, retries)
    with_item = {(item["task_id"], item["map_index"]) for item in items}
    for item in items + [_unknown(run, *each) for each in _marked(facts, plan, items) if each not in with_item]:
        if item["task_id"] in plan.marks:
            _mark(ledger, item, plan.number, plan.marks[item["task_id"]])


def _marked(facts: Facts, plan: Plan, items: Sequence[TaskItem]) -> Iterator[TaskKey]:
    """The task instances that a plan marks, as far as it is known how many there are."""
    with_item = {item["task_id"] for item in items}
    for task_id in plan.marks:
        if size := facts.get(task_id, {}).get("size"):
            yield from ((task_id, index) for index in range(size))
        elif task_id not in with_item:
            yield task_id, schema.UNMAPPED


def _unknown(run: RunItem, task_id: str, index: int) -> TaskItem:
    """A task instance that the ledger has not heard of."""
    return {"pk": run["pk"], "sk": schema.task_sk(task_id, index), "task_id": task_id, "map_index": index}


def _mark(ledger: Ledger, item: TaskItem, restart: int, state: str) -> None:
    # A try that never began is none.
    number = int(item.get("base_try", 0)) if item.get("state") == "scheduled" else tried(item)
    changes = {
        **moved_to(state, number),
        "error": "marked failed by hand" if state == "failed" else None,
        "restarted": restart,
        "expires_at": expiry(),
        # What a branch skipped was the decision of a task that counts as never run now.
        **dict.fromkeys(("callbacks_due", "skipped", "until")),
    }
    ledger.move_task(item["pk"], item["sk"], changes, condition=_ONCE)


def _reset(ledger: Ledger, run: RunItem, item: TaskItem, restart: int, retries: int) -> None:
    number = tried(item)
    changes: dict[str, object] = {
        **dict.fromkeys(_OF_A_TRY),
        "state": "scheduled",
        "restarted": restart,
        # A task that never ran has no number: it gets one when it runs, and 0 if it does not this time either.
        "try_number": number + 1 if number else None,
        "rank": schema.rank("scheduled", number + 1) if number else None,
        "max_tries": number + retries if number else None,
        "base_try": number or None,
        "updated_at": now(),
    }
    if not ledger.move_task(item["pk"], item["sk"], changes, condition=_ONCE):
        return
    for xcom in ledger.xcoms_of_instance(run["dag_id"], run["run_id"], item["task_id"], item["map_index"]):
        ledger.delete(xcom["pk"], xcom["sk"])
