"""A run as the ledger tells it: the report that ``ductwork run`` and ``ductwork status`` print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from ductwork.diagnostics import Diagnostics, Origin
from ductwork.ledger_schema import UNMAPPED

from ductwork_airflow.ledger import Item, Ledger

NOT_BEGUN = "none"
QUEUED = ("RUNNABLE", "STARTING")
_FAILED = {"failed", "upstream_failed"}
_DIVERTED = {"skipped", "upstream_failed"}
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
    """
    :param mapped: of each mapped task that was expanded, how many instances are in which state; ``queued`` and
        ``none`` include those that have not begun, which ``tasks`` does not list
    """

    dag_id: str
    run_id: str
    state: str
    error: str | None
    tasks: Sequence[TaskReport]
    mapped: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The object of the CLI contract."""
        return {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "state": self.state,
            "tasks": [task.as_json() for task in self.tasks],
        }


@dataclass(frozen=True)
class RunHead:
    """A run without its tasks. ``seconds`` is from its start to its end, or until now."""

    run_id: str
    state: str
    target: str
    engine: str | None
    run_type: str | None
    logical_date: str | None
    started_at: str
    ended_at: str | None

    @property
    def seconds(self) -> float:
        return _between(self.started_at, self.ended_at)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def heads(ledger: Ledger, dag_id: str, limit: int) -> list[RunHead]:
    """The newest runs of a DAG, newest start first."""
    names = [each.name for each in fields(RunHead)]
    items = ledger.run_heads(dag_id, [*names, "finished_at"], limit)
    # A run that is finished has ended, though nobody has seen how each of its tasks did.
    ended = ({**item, "ended_at": item.get("ended_at", item.get("finished_at"))} for item in items)
    defaults: dict[str, Any] = {**dict.fromkeys(names), "target": "stepfunctions"}
    return [RunHead(**{name: item.get(name, default) for name, default in defaults.items()}) for item in ended]


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
    items = {
        (item["task_id"], index): {**item, "map_index": index}
        for item in ledger.tasks(dag_id, run_id)
        for index in _indexes(item, (run.get("tasks") or {}).get(item["task_id"], {}))
    }
    seen = {task_id for task_id, _ in items}
    keys = [*items, *((task_id, UNMAPPED) for task_id in order if task_id not in seen)]
    place = {task_id: number for number, task_id in enumerate(order)}
    keys.sort(key=lambda key: (place.get(key[0], len(place)), key))
    returned = dict(_return_values(ledger, dag_id, run_id)) if values else {}
    tasks = [_task(key, items.get(key, {}), returned) for key in keys]
    mapped = count_mapped([*items.values()], ledger.mapped(dag_id, run_id))
    return RunReport(dag_id, run_id, run["state"], run.get("error"), tasks, mapped)


def _indexes(item: Item, own: Mapping[str, Any]) -> Iterable[int]:
    """The map indexes that an item speaks for.

    Of a mapped task that a state machine has not reached there is one. Where the file tells how many instances it has,
    Airflow has made them all when the run began.
    """
    size = int(own.get("literal_size", 0))
    diverted = item["map_index"] < 0 and item.get("state") in _DIVERTED
    return range(size) if size and diverted else (item["map_index"],)


def count_mapped(items: Sequence[Item], expanded: Mapping[str, Item]) -> dict[str, dict[str, int]]:
    """By mapped task how many instances are in which state, the most frequent first.

    :param items: task instances
    :param expanded: see :meth:`Ledger.mapped`
    """
    states: dict[str, Counter[str]] = {task_id: Counter() for task_id in expanded}
    for item in items:
        if item["map_index"] >= 0:
            states.setdefault(item["task_id"], Counter())[item.get("state") or NOT_BEGUN] += 1
    for task_id, item in expanded.items():
        waiting = max(int(item.get("size", 0)) - states[task_id].total(), 0)
        of_batch = (item.get("job") or {}).get("states", {})
        # A child that Batch has started may not have said so yet; it is among those Batch no longer has waiting.
        queued = min(waiting, sum(int(of_batch.get(state, 0)) for state in QUEUED))
        states[task_id] += Counter({"queued": queued, NOT_BEGUN: waiting - queued})
    return {task_id: dict(found.most_common()) for task_id, found in states.items() if found}


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
    return _between(item["started_at"], item.get("ended_at")) if "started_at" in item else None


def _between(started_at: str, ended_at: str | None) -> float:
    start = _moment(started_at)
    end = _moment(ended_at) if ended_at else datetime.now(start.tzinfo)
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
