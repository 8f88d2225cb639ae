"""How a task starts and what it reports while it runs: ``task-instances/{id}/...``, ``task-reschedules/{id}/...``."""

from __future__ import annotations

import json
import logging
import time
from http import HTTPStatus

import httpx
from airflow.sdk.api.datamodels._generated import TIRunContext
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.execution_api import dag_runs
from ductwork_airflow.execution_api.bodies import Process
from ductwork_airflow.execution_api.router import ApiError, Call, Route, done, invalid_state, not_found, ok, own
from ductwork_airflow.execution_api.session import ACTIVE_STATES, Session
from ductwork_airflow.ledger import ItemTooLargeError, expiry, ledger_time, now

log = logging.getLogger(__name__)

# States from which a task instance may be started, apart from those that a worker leaves to its own successor.
_STARTABLE = frozenset({None, "scheduled", "queued", "restarting", "up_for_reschedule"})

# What one try leaves on the item and the next one must not find.
_OF_ONE_TRY = (
    "ended_at",
    "error",
    "first_started_at",
    "log_stream",
    "next_method",
    "rendered_fields",
    "rendered_map_index",
    "reschedule_count",
    "retry_delay",
    "skipped",
    "trigger",
    "trigger_timeout",
    "until",
)


@own
def run(call: Call) -> httpx.Response:
    """Record that the task's process has started, and answer with Airflow's ``TIRunContext``.

    The body has ``hostname``, ``pid`` and ``start_date``. 409 if the task instance is in another try, has ended or runs
    elsewhere, and if the worker is being stopped.
    """
    session, body = call.session, call.json()
    item = session.item() or {}
    _refuse_start(session, item, body)
    resumed = session.resumption
    attributes: dict[str, object] = {
        "hostname": body["hostname"],
        "pid": body["pid"],
        "heartbeat_at": now(),
        "job_id": session.job_id,
        "job_attempt": session.job_attempt,
        "max_tries": session.max_tries,
        "expires_at": expiry(),
    }
    if resumed is None:
        attributes["started_at"] = ledger_time(body["start_date"])
    if item.get("try_number") != session.try_number or item.get("state") not in {*ACTIVE_STATES, "up_for_reschedule"}:
        attributes |= dict.fromkeys(_OF_ONE_TRY)
        item = {}
    if not session.record("running", **attributes):
        raise invalid_state("TI was not in a state where it could be marked as running", session.item())
    session.pid = body["pid"]
    session.last_heartbeat = time.monotonic()
    session.deferral = None
    return ok(_run_context(session, item))


def _refuse_start(session: Session, item: TaskItem, body: Process) -> None:
    state, tried = item.get("state"), item.get("try_number", 0)
    if session.stopping:
        raise invalid_state("the worker is being stopped", item)
    if tried < session.try_number:
        return
    if tried == session.try_number:
        if state in _STARTABLE or (session.resumption and state in ACTIVE_STATES and session.owns(item)):
            return
        # The same process may ask twice, if it never saw the first answer.
        if state == "running" and (item.get("hostname"), item.get("pid")) == (body["hostname"], body["pid"]):
            return
    raise invalid_state("TI was not in a state where it could be marked as running", item)


def _run_context(session: Session, item: TaskItem) -> dict[str, object]:
    resumed = session.resumption
    context: dict[str, object] = {
        "dag_run": dag_runs.document(session.ledger, session.run),
        "task_reschedule_count": item.get("reschedule_count", 0),
        "max_tries": session.max_tries,
        "variables": [],
        "connections": [],
        "xcom_keys_to_clear": [] if resumed else _xcom_keys(session),
        "should_retry": session.should_retry,
    }
    if "upstream_map_indexes" in TIRunContext.model_fields:
        context["upstream_map_indexes"] = _upstream_map_indexes(session)
    if resumed is not None:
        context |= {"next_method": resumed.next_method, "next_kwargs": resumed.next_kwargs}
        context["start_date"] = item.get("started_at")
    return context


def _upstream_map_indexes(session: Session) -> dict[str, int | list[int] | None]:
    """Which instances of its upstream tasks a task reads; from Airflow 3.2 on the task's process finds out itself."""
    facts = session.run.get("tasks") or {}
    task = facts.get(session.task_id) or {}
    indexes: dict[str, int | list[int] | None] = {}
    for up in task.get("upstream", ()):
        group = facts.get(up, {}).get("group")
        if group is None:
            indexes[up] = None
        elif group == task.get("group"):
            indexes[up] = session.map_index
        else:
            items = session.ledger.instances(session.dag_id, session.run_id, up)
            there = (item["map_index"] for item in items if item.get("state") != "removed")
            indexes[up] = sorted(index for index in there if index >= 0)
    return indexes


def _xcom_keys(session: Session) -> list[str]:
    of_index = session.map_index if session.map_index >= 0 else None
    return session.ledger.xcom_keys(session.dag_id, session.run_id, session.task_id, of_index)


@own
def heartbeat(call: Call) -> httpx.Response:
    """Record that the process lives, at most every ``heartbeat_every`` seconds.

    404, 409 or 410 (see :func:`_dead`) end the task.
    """
    session, body = call.session, call.json()
    if time.monotonic() - session.last_heartbeat < session.heartbeat_every:
        return done()
    # The process in charge is the task's own, or the trigger's while it is deferred.
    current = {
        "state": "deferred" if session.deferral else "running",
        "try_number": session.try_number,
        "hostname": body["hostname"],
        "pid": body["pid"],
    }
    condition = " AND ".join(f"#{name} = :{name}" for name in current)
    if session.ledger.update(*session.key, {"heartbeat_at": now(), **current}, condition=condition):
        session.last_heartbeat = time.monotonic()
        return done()
    raise _dead(session, session.item(), body)


def _dead(session: Session, item: TaskItem | None, body: Process) -> ApiError:
    """Why the task has to stop. The supervisor kills it on 404, 409 and 410."""
    if item is None:
        return not_found("Task Instance not found")
    if item.get("try_number", 0) > session.try_number:
        message = "Task Instance not found, it may have been moved to the Task Instance History table"
        return ApiError(HTTPStatus.GONE, "not_found", message)
    if (item.get("hostname"), item.get("pid")) != (body["hostname"], body["pid"]):
        return ApiError(
            HTTPStatus.CONFLICT,
            "running_elsewhere",
            "TI is already running elsewhere",
            current_hostname=item.get("hostname"),
            current_pid=item.get("pid"),
        )
    message = "TI is no longer in the running state and task should terminate"
    return ApiError(HTTPStatus.CONFLICT, "not_running", message, current_state=item.get("state"))


@own
def rendered_fields(call: Call) -> httpx.Response:
    """Keep the rendered template fields, for people to look at; if they are too large for the item, log a warning."""
    fields = json.dumps(call.json())
    try:
        current = call.session.amend(rendered_fields=fields)
    except ItemTooLargeError as error:
        # They are for people to look at; a task does not fail for them.
        log.warning("rendered fields are not kept: %s", error)
        current = True
    if not current:
        raise ApiError(HTTPStatus.GONE, "not_found", "Task Instance not found")
    return ok({"message": "Rendered task instance fields successfully set"}, HTTPStatus.CREATED)


@own
def rendered_map_index(call: Call) -> httpx.Response:
    """Keep the label of a mapped instance; 422 for an empty one."""
    label = call.json()
    if not label:
        message = "rendered_map_index cannot be empty"
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_payload", message)
    if not call.session.amend(rendered_map_index=label):
        raise not_found("Task Instance not found")
    return done()


@own
def skip_downstream(call: Call) -> httpx.Response:
    """Keep the decision on the item; the state machine, or the worker of a job chain, carries it out."""
    named = [task if isinstance(task, str) else task[0] for task in call.json()["tasks"]]
    earlier = (call.session.item() or {}).get("skipped") or []
    if not call.session.amend(skipped=list(dict.fromkeys([*earlier, *named]))):
        raise not_found("Task Instance not found")
    return done()


@own
def validate_inlets_and_outlets(call: Call) -> httpx.Response:
    """No asset is ever inactive: nothing here deactivates one."""
    return ok({"inactive_assets": []})


@own
def previous_successful_dagrun(call: Call) -> httpx.Response:
    """See :func:`ductwork_airflow.execution_api.dag_runs.previous_successful`."""
    return ok(dag_runs.previous_successful(call.session))


@own
def first_reschedule(call: Call) -> httpx.Response:
    """When a sensor was first rescheduled in this try, from which it counts its timeout; null if it was not."""
    return ok((call.session.item() or {}).get("first_started_at"))


ROUTES: tuple[Route, ...] = (
    ("PATCH", "task-instances/{id}/run", run),
    ("PUT", "task-instances/{id}/heartbeat", heartbeat),
    ("PUT", "task-instances/{id}/rtif", rendered_fields),
    ("PATCH", "task-instances/{id}/rendered-map-index", rendered_map_index),
    ("PATCH", "task-instances/{id}/skip-downstream", skip_downstream),
    ("GET", "task-instances/{id}/previous-successful-dagrun", previous_successful_dagrun),
    ("GET", "task-instances/{id}/validate-inlets-and-outlets", validate_inlets_and_outlets),
    ("GET", "task-reschedules/{id}/start_date", first_reschedule),
)
