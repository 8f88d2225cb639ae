"""Questions about other task instances: ``task-instances/count``, ``states``, ``breadcrumbs`` and ``previous``."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import httpx
from ductwork.contracts import ledger as schema
from ductwork.contracts.run_item import RunItem, tasks_of
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.execution_api import dag_runs
from ductwork_airflow.execution_api.router import Call, Route, not_found, ok
from ductwork_airflow.ledger import Ledger, moment


def instances(ledger: Ledger, run: RunItem, task_ids: Collection[str] = ()) -> list[TaskItem]:
    """The task instances of a run, those not started yet included, which have no state.

    :param task_ids: read these alone; all if empty
    """
    names = (run["dag_id"], run["run_id"])
    if task_ids:
        items = [item for task_id in sorted(task_ids) for item in ledger.instances(*names, task_id)]
    else:
        items = ledger.tasks(*names)
    begun: dict[str, set[int]] = {}
    for item in items:
        begun.setdefault(item["task_id"], set()).add(item["map_index"])
    mapped = ledger.mapped(*names)
    for task_id in tasks_of(run):
        if not task_ids or task_id in task_ids:
            indexes = begun.get(task_id, set())
            expected = range(mapped[task_id]["size"]) if "size" in mapped.get(task_id, {}) else ()
            missing = [index for index in expected if index not in indexes] or ([] if indexes else [schema.UNMAPPED])
            items += [{"task_id": task_id, "map_index": index} for index in missing]
    return items


def _group(run: RunItem, group_id: str) -> set[str]:
    """The tasks of a task group. The ledger knows them by their prefix, Airflow's default naming."""
    members = {task_id for task_id in tasks_of(run) if task_id.startswith(f"{group_id}.")}
    if not members:
        raise not_found(f"Task group {group_id} not found in DAG {run['dag_id']}")
    return members


def _matching(call: Call, run: RunItem, *, either: bool) -> Iterator[TaskItem]:
    """The task instances of a run that a request asks for.

    :param either: a task may be named by its id *or* by its group; else it must be by both
    """
    index, task_ids = call.integer("map_index"), set(call.query.get_list("task_ids"))
    group_id = call.query.get("task_group_id")
    grouped = _group(run, group_id) if group_id else set()
    for item in instances(call.session.ledger, run, () if group_id else task_ids):
        named, in_group = item["task_id"] in task_ids, item["task_id"] in grouped
        if task_ids and group_id:
            chosen = (named or in_group) if either else (named and in_group)
        else:
            chosen = named or in_group or not (task_ids or group_id)
        if chosen and (index is None or item["map_index"] == index):
            yield item


def _asks_for_siblings(call: Call) -> bool:
    """Whether the question is how many instances the asking task itself has.

    A task in a mapped group asks this twice for every value it reads, and finds the value's map index by the quotient.
    """
    session, query = call.session, call.query
    asked = {name: query.get_list(name) for name in dict(query)}
    siblings = {"dag_id": [session.dag_id], "run_ids": [session.run_id], "task_ids": [session.task_id]}
    return asked == siblings and session.map_index != schema.UNMAPPED


def count(call: Call) -> httpx.Response:
    """How many task instances are in one of ``states`` (``null``: not started); all of them if no state is named."""
    session, siblings = call.session, _asks_for_siblings(call)
    if siblings and session.map_size is not None:
        return ok(session.map_size)
    wanted = {None if state == "null" else state for state in call.query.get_list("states")}
    number = sum(
        not wanted or item.get("state") in wanted
        for run in dag_runs.selected(call)
        for item in _matching(call, run, either=False)
    )
    if siblings:
        # Others begin meanwhile, and the next answer must be the same.
        session.map_size = number
    return ok(number)


def states(call: Call) -> httpx.Response:
    """``{"task_states": {run_id: {label: state}}}``; a label is the task id, with ``_<map index>`` if it is mapped."""
    answer: dict[str, dict[str, object]] = {}
    for run in dag_runs.selected(call):
        for item in _matching(call, run, either=True):
            index = item["map_index"]
            label = item["task_id"] if index < 0 else f"{item['task_id']}_{index}"
            answer.setdefault(run["run_id"], {})[label] = item.get("state")
    return ok({"task_states": answer})


def breadcrumbs(call: Call) -> httpx.Response:
    """The task instances of a run that have ended, by task id and map index, with their durations in seconds."""
    items = call.session.ledger.tasks(call.needed("dag_id"), call.needed("run_id"))
    ended = [item for item in items if item["state"] in schema.TERMINAL_STATES]
    crumbs = [
        {
            "task_id": item["task_id"],
            "map_index": item["map_index"],
            "state": item["state"],
            "operator": item.get("operator"),
            "duration": _duration(item),
        }
        for item in sorted(ended, key=lambda item: (item["task_id"], item["map_index"]))
    ]
    return ok({"breadcrumbs": crumbs})


def previous(call: Call) -> httpx.Response:
    """The task instance of the latest run before a logical date, or null."""
    ledger, dag_id, task_id = call.session.ledger, call.params["dag_id"], call.params["task_id"]
    index = call.integer("map_index", schema.UNMAPPED)
    limit = moment(call.needed("logical_date")) if "logical_date" in call.query else None
    for run in dag_runs.before(ledger, dag_id, limit):
        item = ledger.task(dag_id, run["run_id"], task_id, schema.UNMAPPED if index is None else index)
        if item and call.query.get("state") in (None, item["state"]):
            return ok(_instance(item, run, task_id, index))
    return ok(None)


def _instance(item: TaskItem, run: RunItem, task_id: str, index: int | None) -> dict[str, object]:
    return {
        "task_id": task_id,
        "dag_id": run["dag_id"],
        "run_id": run["run_id"],
        "logical_date": run.get("logical_date"),
        "start_date": item.get("started_at"),
        "end_date": item.get("ended_at"),
        "state": item["state"],
        "try_number": item["try_number"],
        "map_index": index,
        "duration": _duration(item),
    }


def _duration(item: TaskItem) -> float | None:
    """Seconds."""
    started, ended = item.get("started_at"), item.get("ended_at")
    return (moment(ended) - moment(started)).total_seconds() if started and ended else None


ROUTES: tuple[Route, ...] = (
    ("GET", "task-instances/count", count),
    ("GET", "task-instances/states", states),
    ("GET", "task-instances/breadcrumbs", breadcrumbs),
    ("GET", "task-instances/previous/{dag_id}/{task_id}", previous),
)
