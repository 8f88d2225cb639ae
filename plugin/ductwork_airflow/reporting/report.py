"""A run as the ledger has it: the report that ``ductwork run`` and ``ductwork status`` print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime

from ductwork.contracts.ledger import UNMAPPED
from ductwork.contracts.run_item import tasks_of
from ductwork.contracts.task_facts import NO_FACTS, Facts, TaskFacts, is_absent
from ductwork.contracts.task_item import MapItem, TaskItem
from ductwork.diagnostics import Diagnostics, Origin
from ductwork.planning.partial_order import topological
from ductwork.semantics.trigger_rules import FAILED

from ductwork_airflow.ledger import Ledger, TaskKey, moment
from ductwork_airflow.reporting.xcom_values import shown

NOT_BEGUN = "none"
QUEUED = ("RUNNABLE", "STARTING")
_DIVERTED = {"skipped", "upstream_failed"}
# How workers and Batch say that a process was ended from outside.
_KILLED = ("killed by signal", "exit code 137", "exit code 143", "exceeded timeout", "sigterm")

# How workers say that the DAG file in their container is another than the one that was compiled.
UNIMPORTABLE, NOT_IN_FILE = "cannot be imported in the container", "is not in the container's DAG file any more"


@dataclass(frozen=True)
class TaskReport:
    """One task instance. ``seconds`` is how long it has been running, or ran; None before it starts.

    :param return_value: as Airflow serialises it
    """

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    seconds: float | None
    error: str | None
    has_return_value: bool = False
    return_value: object = None
    started_at: str | None = None

    def as_json(self) -> dict[str, object]:
        """As ``--json`` prints it; a return value is there only where the task has one."""
        fields = {
            "task_id": self.task_id,
            "map_index": self.map_index,
            "state": self.state,
            "try_number": self.try_number,
        }
        return fields | ({"return_value": shown(self.return_value)} if self.has_return_value else {})


@dataclass(frozen=True)
class RunReport:
    """One run, for people and for ``--json``.

    :param mapped: of each mapped task that was expanded, how many instances are in which state; ``queued`` and
        ``none`` include those that have not begun, which ``tasks`` does not list
    """

    dag_id: str
    run_id: str
    state: str
    error: str | None
    tasks: Sequence[TaskReport]
    mapped: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
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
        """How long the run took, or has taken until now."""
        return _between(self.started_at, self.ended_at)

    def as_json(self) -> dict[str, object]:
        """As ``ductwork runs --json`` prints it."""
        return asdict(self)


def heads(ledger: Ledger, dag_id: str, limit: int) -> list[RunHead]:
    """The newest runs of a DAG, newest start first."""
    names = [each.name for each in fields(RunHead)]
    items = ledger.run_heads(dag_id, [*names, "finished_at"], limit)
    # A finished run has ended, even if no look has seen how each of its tasks ended.
    return [
        RunHead(
            run_id=item["run_id"],
            state=item["state"],
            target=item.get("target", "stepfunctions"),
            engine=item.get("engine"),
            run_type=item.get("run_type"),
            logical_date=item.get("logical_date"),
            started_at=item["started_at"],
            ended_at=item.get("ended_at", item.get("finished_at")),
        )
        for item in items
    ]


def read(
    ledger: Ledger, dag_id: str, run_id: str, order: Sequence[str] = (), *, values: bool = True
) -> RunReport | None:
    """A run's report, None if the ledger does not know the run.

    :param order: task ids in the order to list them in, by default the DAG's; tasks the ledger has not heard of are
        listed without a state, except those that have no instance in Airflow
    :param values: read return values too
    """
    run = ledger.run(dag_id, run_id)
    if run is None:
        return None
    facts = tasks_of(run)
    items = {
        (item["task_id"], index): _at(item, index)
        for item in ledger.tasks(dag_id, run_id)
        for index in _indexes(item, facts.get(item["task_id"], NO_FACTS))
    }
    seen = {task_id for task_id, _ in items}
    unseen = {task_id: facts.get(task_id, NO_FACTS) for task_id in order if task_id not in seen}
    keys = [*items, *(key for task_id, own in unseen.items() for key in _unheard(task_id, own, "ended_at" in run))]
    place = {task_id: number for number, task_id in enumerate(order or _in_order(facts))}
    keys.sort(key=lambda key: (place.get(key[0], len(place)), key))
    returned = dict(_return_values(ledger, dag_id, run_id)) if values else {}
    tasks = [_task(key, items.get(key, {}), returned) for key in keys]
    mapped = count_mapped([*items.values()], ledger.mapped(dag_id, run_id))
    return RunReport(dag_id, run_id, run["state"], run.get("error"), tasks, mapped)


def _in_order(facts: Facts) -> list[str]:
    """Task ids as the compiler orders them; what is kept of a run has no order."""
    return topological({task: [up for up in own.get("upstream", ()) if up in facts] for task, own in facts.items()})


def _at(item: TaskItem, index: int) -> TaskItem:
    return {**item, "map_index": index}


def _indexes(item: TaskItem, facts: TaskFacts) -> Iterable[int]:
    """The map indexes that an item speaks for.

    Of a mapped task that a state machine has not reached there is one. Where the file tells how many instances it has,
    Airflow has made them all when the run began.
    """
    size = int(facts.get("literal_size", 0))
    diverted = item["map_index"] < 0 and item.get("state") in _DIVERTED
    return range(size) if size and diverted else (item["map_index"],)


def _unheard(task_id: str, facts: TaskFacts, over: bool) -> Iterator[TaskKey]:
    """The instances of a task that the ledger has not heard of. When the run is over, they have never run."""
    if not is_absent(facts):
        size = int(facts.get("literal_size", facts.get("size", 0))) if over else 0
        yield from ((task_id, index) for index in (range(size) if size else (UNMAPPED,)))


def count_mapped(items: Sequence[TaskItem], expanded: Mapping[str, MapItem]) -> dict[str, dict[str, int]]:
    """By mapped task how many instances are in which state, the most frequent first.

    :param items: task instances
    :param expanded: see :meth:`Ledger.mapped`
    """
    states: dict[str, Counter[str]] = {task_id: Counter() for task_id in expanded}
    for item in items:
        if item["map_index"] >= 0:
            states.setdefault(item["task_id"], Counter())[item.get("state") or NOT_BEGUN] += 1
    for task_id, expansion in expanded.items():
        waiting = max(int(expansion.get("size", 0)) - states[task_id].total(), 0)
        of_batch = expansion["job"]["states"] if expansion.get("job") else {}
        # A child that Batch has started may not have said so yet; it is among those Batch no longer has waiting.
        queued = min(waiting, sum(int(of_batch.get(state, 0)) for state in QUEUED))
        states[task_id] += Counter({"queued": queued, NOT_BEGUN: waiting - queued})
    return {task_id: dict(counted.most_common()) for task_id, counted in states.items() if counted}


def _return_values(ledger: Ledger, dag_id: str, run_id: str) -> Iterator[tuple[TaskKey, object]]:
    for item in ledger.xcoms_of_run(dag_id, run_id):
        if item["key"] == "return_value":
            yield (item["task_id"], item["map_index"]), item["value"]


def _task(key: TaskKey, item: TaskItem, returned: Mapping[TaskKey, object]) -> TaskReport:
    return TaskReport(
        *key,
        state=item.get("state"),
        try_number=item.get("try_number", 0),
        seconds=_seconds(item),
        error=item.get("error"),
        has_return_value=key in returned,
        return_value=returned.get(key),
        started_at=item.get("started_at"),
    )


def _seconds(item: TaskItem) -> float | None:
    return _between(item["started_at"], item.get("ended_at")) if "started_at" in item else None


def _between(started_at: str, ended_at: str | None) -> float:
    start = moment(started_at)
    end = moment(ended_at) if ended_at else datetime.now(start.tzinfo)
    return max(0.0, (end - start).total_seconds())


def diagnose(report: RunReport, origins: Mapping[str, Origin], diagnostics: Diagnostics) -> None:
    """Say of every failed task what happened and what to do, and of the run if it broke outside any task."""
    for task in report.tasks:
        if task.state != "failed":
            continue
        error = task.error or "it failed without a message"
        code, hint = _kind(error)
        where = origins.get(task.task_id, Origin(report.dag_id))
        diagnostics.add(code, where, error, hint, dag_id=report.dag_id, task_id=task.task_id)
    waiting = sorted({task.task_id for task in report.tasks if task.state is None})
    if report.state == "failed" and report.error is None and waiting:
        what = f"{', '.join(waiting)} waited in vain: a task above them has no instance on the run's logical date"
        hint = "Airflow's scheduler does so too (all tasks deadlocked): see start_date and end_date of what is above"
        diagnostics.add("DW507", Origin(report.dag_id), what, hint, dag_id=report.dag_id)
    elif report.state == "failed" and not any(task.state in FAILED for task in report.tasks):
        what = report.error or "the run failed outside its tasks"
        diagnostics.add("DW507", Origin(report.dag_id), what, "see the execution's history", dag_id=report.dag_id)


def _kind(error: str) -> tuple[str, str]:
    lowered = error.lower()
    if UNIMPORTABLE in error or NOT_IN_FILE in error:
        hint = "give the workers' image the file that was compiled, and all that it reads when it is imported"
        return "DW518", hint
    if "the DAG code s3://" in error:
        return "DW530", "a run needs the archive that it was started with: the message says what has become of it"
    if any(mark in lowered for mark in _KILLED):
        return "DW513", "give it more memory or time in executor_config={'ductwork': {...}}, or retries"
    too_large = "over dynamodb's limit" in lowered or "409,600" in error
    if too_large or "serializ" in lowered or "xcom" in lowered:
        return "DW512", "return a reference such as an S3 key, or configure an object-storage XCom backend"
    return "DW511", "see the task's log"
