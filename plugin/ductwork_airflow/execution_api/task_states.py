"""How a task instance moves on: ``PATCH task-instances/{id}/state``."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from http import HTTPStatus

import httpx
from ductwork.contracts.task_item import TaskItem
from pydantic import TypeAdapter

from ductwork_airflow.execution_api import asset_events, event_bus, stores
from ductwork_airflow.execution_api.bodies import StateChange
from ductwork_airflow.execution_api.router import (
    ApiError,
    Call,
    Route,
    done,
    invalid_state,
    not_found,
    ok,
    own,
    unsupported,
)
from ductwork_airflow.execution_api.session import Deferral, Session
from ductwork_airflow.ledger import ledger_time, now, timestamp

_DURATION = TypeAdapter(timedelta)


@own
def state(call: Call) -> httpx.Response:
    """Record how the task ended, or that it was deferred or rescheduled; the body depends on the state.

    Reporting the same state twice is no error. 404 if the task instance does not exist, 409 if another worker or a
    later try has it, 422 for a state that a task cannot report.
    """
    session, body = call.session, call.json()
    wanted = body.get("state")
    transition = _TRANSITIONS.get(wanted)
    if wanted == "awaiting_input":
        raise unsupported(call, "waiting for human input")
    if transition is None:
        message = f"not a state a task can report: {wanted!r}"
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_payload", message)
    item = session.item()
    if item is None:
        raise not_found("Task Instance not found")
    if not session.owns(item):
        raise invalid_state("TI was not in the running state so it cannot be updated", item)
    if item["state"] == wanted:
        return ok()
    if item["state"] != "running":
        raise invalid_state("TI was not in the running state so it cannot be updated", item)
    attributes = transition(session, body, item)
    if (label := body.get("rendered_map_index")) is not None:
        attributes["rendered_map_index"] = label
    if not session.record(wanted, **attributes):
        raise invalid_state("TI was not in the running state so it cannot be updated", session.item())
    if wanted == "success":
        stores.clear_on_success(session)
        due = attributes.get(event_bus.DUE)
        event_bus.flush(session.event_bus, None if due is None else str(due), session.amend)
    return done()


def _succeeded(session: Session, body: StateChange, item: TaskItem) -> dict[str, object]:
    outlets, events = body.get("task_outlets") or [], body.get("outlet_events") or []
    written = asset_events.record(session, outlets, events, body["end_date"])
    ended = _ended(session, body, item)
    return {**ended, event_bus.DUE: event_bus.due(written)} if session.event_bus else ended


def _ended(session: Session, body: StateChange, item: TaskItem) -> dict[str, object]:
    return {"ended_at": ledger_time(body["end_date"]), "next_method": None, "trigger": None, "trigger_timeout": None}


def _to_retry(session: Session, body: StateChange, item: TaskItem) -> dict[str, object]:
    return {**_ended(session, body, item), "retry_delay": body.get("retry_delay_seconds")}


def _seconds(duration: str | float) -> float:
    """Of an ISO 8601 duration, as pydantic writes a timedelta."""
    return _DURATION.validate_python(duration).total_seconds()


def _deferred(session: Session, body: StateChange, item: TaskItem) -> dict[str, object]:
    timeout = body.get("trigger_timeout")
    session.deferral = Deferral(
        classpath=body["classpath"],
        trigger_kwargs=body.get("trigger_kwargs") or {},
        timeout=None if timeout is None else _seconds(timeout),
        next_method=body["next_method"],
        next_kwargs=body.get("next_kwargs") or {},
    )
    limit = session.deferral.timeout
    return {
        # Only the class: the arguments may hold secrets, and only this worker runs the trigger.
        "trigger": json.dumps({"classpath": body["classpath"]}),
        "trigger_timeout": timestamp(datetime.now(timezone.utc) + timedelta(seconds=limit)) if limit else None,
        "next_method": body["next_method"],
    }


def _rescheduled(session: Session, body: StateChange, item: TaskItem) -> dict[str, object]:
    return {
        "until": ledger_time(body["reschedule_date"]),
        "reschedule_count": item.get("reschedule_count", 0) + 1,
        # Airflow dates a reschedule record by the moment it writes it, and sensors count their timeout from the first.
        "first_started_at": item.get("first_started_at") or now(),
        "next_method": None,
    }


_Transition = Callable[[Session, StateChange, TaskItem], dict[str, object]]
_TRANSITIONS: dict[str, _Transition] = {
    "success": _succeeded,
    "failed": _ended,
    "skipped": _ended,
    "removed": _ended,
    "upstream_failed": _ended,
    "up_for_retry": _to_retry,
    "deferred": _deferred,
    "up_for_reschedule": _rescheduled,
}

ROUTES: tuple[Route, ...] = (("PATCH", "task-instances/{id}/state", state),)
