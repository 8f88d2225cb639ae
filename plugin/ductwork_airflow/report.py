"""A run as the ledger tells it: the report that ``ductwork run`` and ``ductwork status`` print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ductwork.diagnostics import Diagnostics, Origin
from ductwork.ledger_schema import TERMINAL_STATES, UNMAPPED

from ductwork_airflow.ledger import Item, Ledger

_FAILED = {"failed", "upstream_failed"}
# How workers and Batch say that a process was ended from outside.
_KILLED = ("killed by signal", "exit code 137", "exit code 143", "exceeded timeout", "sigterm")


@dataclass(frozen=True)
class TaskReport:
    """One task instance. ``seconds`` is how long it has been running, or ran; None before it starts."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    seconds: float | None
    error: str | None
    has_return_value: bool = False
    return_value: Any = None

    def as_json(self) -> dict[str, Any]:
        known = {
            "task_id": self.task_id,
            "map_index": self.map_index,
            "state": self.state,
            "try_number": self.try_number,
        }
        return known | ({"return_value": self.return_value} if self.has_return_value else {})


@dataclass(frozen=True)
class RunReport:
    dag_id: str
    run_id: str
    state: str
    error: str | None
    tasks: Sequence[TaskReport]

    def as_json(self) -> dict[str, Any]:
        """The object of the CLI contract."""
        return {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "state": self.state,
            "tasks": [task.as_json() for task in self.tasks],
        }


def read(
    ledger: Ledger, dag_id: str, run_id: str, order: Sequence[str] = (), *, values: bool = True
) -> RunReport | None:
    """A run's report, None if the ledger does not know the run.

    :param order: task ids in the order to list them in; tasks the ledger has not heard of are listed without a state
    :param values: read return values too
    """
    run = ledger.run(dag_id, run_id)
    if run is None:
        return None
    items = {(item["task_id"], item["map_index"]): item for item in ledger.tasks(dag_id, run_id)}
    seen = {task_id for task_id, _ in items}
    keys = [*items, *((task_id, UNMAPPED) for task_id in order if task_id not in seen)]
    place = {task_id: number for number, task_id in enumerate(order)}
    keys.sort(key=lambda key: (place.get(key[0], len(place)), key))
    returned = dict(_return_values(ledger, dag_id, run_id)) if values else {}
    tasks = [_task(key, items.get(key, {}), returned) for key in keys]
    return RunReport(dag_id, run_id, run["state"], run.get("error"), tasks)


def _return_values(ledger: Ledger, dag_id: str, run_id: str) -> Iterator[tuple[tuple[str, int], Any]]:
    for item in ledger.xcoms_of_run(dag_id, run_id):
        if item["key"] == "return_value":
            yield (item["task_id"], item["map_index"]), item["value"]


def _task(key: tuple[str, int], item: Item, returned: Mapping[tuple[str, int], Any]) -> TaskReport:
    return TaskReport(
        *key,
        state=item.get("state"),
        try_number=item.get("try_number", 0),
        seconds=_seconds(item),
        error=item.get("error"),
        has_return_value=key in returned,
        return_value=returned.get(key),
    )


def _seconds(item: Item) -> float | None:
    if "started_at" not in item:
        return None
    start = _moment(item["started_at"])
    end = _moment(item["ended_at"]) if "ended_at" in item else datetime.now(start.tzinfo)
    return max(0.0, (end - start).total_seconds())


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def diagnose(report: RunReport, origins: Mapping[str, Origin], diagnostics: Diagnostics) -> None:
    """Say of every failed task what happened and what to do, and of the run if it broke outside any task."""
    for task in report.tasks:
        if task.state != "failed":
            continue
        error = task.error or "it failed without a message"
        code, hint = _kind(error)
        where = origins.get(task.task_id, Origin(report.dag_id))
        diagnostics.add(code, where, error, hint, dag_id=report.dag_id, task_id=task.task_id)
    if report.state == "failed" and not any(task.state in _FAILED for task in report.tasks):
        what = report.error or "the run failed outside its tasks"
        diagnostics.add("DW507", Origin(report.dag_id), what, "see the execution's history", dag_id=report.dag_id)


def _kind(error: str) -> tuple[str, str]:
    lowered = error.lower()
    if any(mark in lowered for mark in _KILLED):
        return "DW513", "give it more memory or time in executor_config={'ductwork': {...}}, or retries"
    too_large = "over dynamodb's limit" in lowered or "409,600" in error
    if too_large or "serializ" in lowered or "xcom" in lowered:
        return "DW512", "return a reference such as an S3 key, or configure an object-storage XCom backend"
    return "DW511", "see the task's log"


def unfinished(report: RunReport) -> list[TaskReport]:
    return [task for task in report.tasks if task.state not in TERMINAL_STATES]
