"""How a task instance moves on: ``PATCH task-instances/{id}/state``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from typing import Any

import httpx

from ductwork_airflow.execution_api import asset_events, event_bus, stores
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
from ductwork_airflow.execution_api.times import ledger_time, seconds
from ductwork_airflow.ledger import Item, now, timestamp


@own
def state(call: Call) -> httpx.Response:
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
        event_bus.settle(session.event_bus, {name: value for name, value in attributes.items() if value}, session.amend)
    return done()


def _succeeded(session: Session, body: Mapping[str, Any], item: Item) -> dict[str, Any]:
    outlets, events = body.get("task_outlets") or [], body.get("outlet_events") or []
    written = asset_events.record(session, outlets, events, body["end_date"])
    ended = _ended(session, body, item)
    return {**ended, event_bus.DUE: event_bus.due(written)} if session.event_bus else ended


def _ended(session: Session, body: Mapping[str, Any], item: Item) -> dict[str, Any]:
    return {"ended_at": ledger_time(body["end_date"]), "next_method": None, "trigger": None, "trigger_timeout": None}


def _to_retry(session: Session, body: Mapping[str, Any], item: Item) -> dict[str, Any]:
    return {**_ended(session, body, item), "retry_delay": body.get("retry_delay_seconds")}


def _deferred(session: Session, body: Mapping[str, Any], item: Item) -> dict[str, Any]:
    timeout = body.get("trigger_timeout")
    session.deferral = Deferral(
        classpath=body["classpath"],
        trigger_kwargs=body.get("trigger_kwargs") or {},
        timeout=None if timeout is None else seconds(timeout),
        next_method=body["next_method"],
        next_kwargs=body.get("next_kwargs") or {},
    )
    limit = session.deferral.timeout
    return {
        # Only the class: the arguments may hold secrets, and nobody but this worker runs the trigger.
        "trigger": json.dumps({"classpath": body["classpath"]}),
        "trigger_timeout": timestamp(datetime.now(timezone.utc) + timedelta(seconds=limit)) if limit else None,
        "next_method": body["next_method"],
    }


def _rescheduled(session: Session, body: Mapping[str, Any], item: Item) -> dict[str, Any]:
    return {
        "until": ledger_time(body["reschedule_date"]),
        "reschedule_count": item.get("reschedule_count", 0) + 1,
        # Airflow dates a reschedule record by the moment it writes it, and sensors count their timeout from the first.
        "first_started_at": item.get("first_started_at") or now(),
        "next_method": None,
    }


_Transition = Callable[[Session, Mapping[str, Any], Item], dict[str, Any]]
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
