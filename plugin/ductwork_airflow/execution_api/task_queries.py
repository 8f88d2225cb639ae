"""Questions about other task instances: ``task-instances/count``, ``states``, ``breadcrumbs`` and ``previous``."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import httpx
from ductwork import ledger_schema as schema

from ductwork_airflow.execution_api import dag_runs
from ductwork_airflow.execution_api.router import Call, Route, not_found, ok
from ductwork_airflow.execution_api.session import required
from ductwork_airflow.execution_api.times import moment
from ductwork_airflow.ledger import Item, Ledger


def instances(ledger: Ledger, run: Item, task_ids: Collection[str] = ()) -> list[Item]:
    """The task instances of a run, those not started yet included, with state None.

    :param task_ids: read these alone; all if empty
    """
    names = (run["dag_id"], run["run_id"])
    if task_ids:
        found = [item for task_id in sorted(task_ids) for item in ledger.instances(*names, task_id)]
    else:
        found = ledger.tasks(*names)
    begun: dict[str, set[int]] = {}
    for item in found:
        begun.setdefault(item["task_id"], set()).add(item["map_index"])
    mapped = ledger.mapped(*names)
    for task_id in run.get("tasks") or {}:
        if not task_ids or task_id in task_ids:
            known = begun.get(task_id, set())
            expected = range(mapped[task_id]["size"]) if "size" in mapped.get(task_id, {}) else ()
            missing = [index for index in expected if index not in known] or ([] if known else [schema.UNMAPPED])
            found += [{"task_id": task_id, "map_index": index, "state": None} for index in missing]
    return found


def _group(run: Item, group_id: str) -> set[str]:
    """The tasks of a task group. The ledger knows them by their prefix, Airflow's default naming."""
    found = {task_id for task_id in required(run, "tasks") if task_id.startswith(f"{group_id}.")}
    if not found:
        raise not_found(f"Task group {group_id} not found in DAG {run['dag_id']}")
    return found


def _matching(call: Call, run: Item, *, either: bool) -> Iterator[Item]:
    """
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
    own = {"dag_id": [session.dag_id], "run_ids": [session.run_id], "task_ids": [session.task_id]}
    return asked == own and session.map_index != schema.UNMAPPED


def count(call: Call) -> httpx.Response:
    session, siblings = call.session, _asks_for_siblings(call)
    if siblings and session.map_size is not None:
        return ok(session.map_size)
    wanted = {None if state == "null" else state for state in call.query.get_list("states")}
    found = sum(
        not wanted or item["state"] in wanted
        for run in dag_runs.selected(call)
        for item in _matching(call, run, either=False)
    )
    if siblings:
        # Others begin meanwhile, and the next answer must be the same.
        session.map_size = found
    return ok(found)


def states(call: Call) -> httpx.Response:
    answer: dict[str, dict[str, Any]] = {}
    for run in dag_runs.selected(call):
        for item in _matching(call, run, either=True):
            index = item["map_index"]
            label = item["task_id"] if index < 0 else f"{item['task_id']}_{index}"
            answer.setdefault(run["run_id"], {})[label] = item["state"]
    return ok({"task_states": answer})


def breadcrumbs(call: Call) -> httpx.Response:
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


def _instance(item: Item, run: Item, task_id: str, index: int | None) -> dict[str, Any]:
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


def _duration(item: Item) -> float | None:
    """Seconds."""
    started, ended = item.get("started_at"), item.get("ended_at")
    return (moment(ended) - moment(started)).total_seconds() if started and ended else None


ROUTES: tuple[Route, ...] = (
    ("GET", "task-instances/count", count),
    ("GET", "task-instances/states", states),
    ("GET", "task-instances/breadcrumbs", breadcrumbs),
    ("GET", "task-instances/previous/{dag_id}/{task_id}", previous),
)
