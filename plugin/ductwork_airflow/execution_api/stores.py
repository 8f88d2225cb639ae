"""The state stores of Airflow 3.3: a task's own (it outlives retries) and an asset's."""

from __future__ import annotations

import json
import time
from http import HTTPStatus

import httpx
from airflow.configuration import conf
from ductwork.contracts import ledger as schema

from ductwork_airflow.execution_api.assets import partition_of
from ductwork_airflow.execution_api.router import ApiError, Call, Route, done, not_found, ok
from ductwork_airflow.execution_api.session import Session
from ductwork_airflow.ledger import Ledger, expiry, moment, now

_ASSET_PREFIX = "store#"


def _value(call: Call) -> object:
    value = call.json().get("value")
    if value is None:
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_payload", "value cannot be null")
    return value


def _get(ledger: Ledger, pk: str, sk: str, what: str) -> httpx.Response:
    item = ledger.get(pk, sk)
    # DynamoDB removes expired items in its own time.
    if item is None or item.get("expires_at", float("inf")) <= time.time():
        raise not_found(f"{what} not found")
    return ok({"value": json.loads(item["value"])})


def _clear(ledger: Ledger, pk: str, prefix: str) -> None:
    for item in ledger.partition(pk, prefix):
        ledger.delete(pk, item["sk"])


# ---- of a task ----


def _task_pk(session: Session) -> str:
    return session.key[0]


def _task_sk(session: Session, key: str = "") -> str:
    return schema.store_sk(session.task_id, session.map_index, key)


def _own(call: Call) -> Session:
    if call.params["id"] != str(call.session.ti_id):
        raise not_found(f"Task instance {call.params['id']} not found")
    return call.session


def task_get(call: Call) -> httpx.Response:
    """``{"value": ...}`` of a key of the task's own store; 404 if it is missing or has expired."""
    session, key = _own(call), call.params["key"]
    return _get(session.ledger, _task_pk(session), _task_sk(session, key), f"Task state store key {key!r}")


def task_put(call: Call) -> httpx.Response:
    """Keep a value until ``expires_at`` (ISO 8601), else as long as the run's items are kept; 422 for null."""
    session, until = _own(call), call.json().get("expires_at")
    attributes = {
        "value": json.dumps(_value(call)),
        "updated_at": now(),
        "expires_at": int(moment(until).timestamp()) if until else expiry(),
    }
    session.ledger.put(_task_pk(session), _task_sk(session, call.params["key"]), attributes)
    return done()


def task_delete(call: Call) -> httpx.Response:
    """Delete a key of the task's own store; deleting what is not there is no error."""
    session = _own(call)
    session.ledger.delete(_task_pk(session), _task_sk(session, call.params["key"]))
    return done()


def task_clear(call: Call) -> httpx.Response:
    """Delete all keys of the task instance."""
    session = _own(call)
    _clear(session.ledger, _task_pk(session), _task_sk(session))
    return done()


def clear_on_success(session: Session) -> None:
    """What Airflow does if ``[state_store] clear_on_success`` says so."""
    if conf.getboolean("state_store", "clear_on_success", fallback=False):
        _clear(session.ledger, _task_pk(session), _task_sk(session))


# ---- of an asset ----


def _asset_pk(call: Call) -> str:
    kind = call.params["kind"]
    return partition_of(kind, call.needed(kind))


def asset_get(call: Call) -> httpx.Response:
    """``{"value": ...}`` of a key of the asset that the query names; 404 if it is missing."""
    key = call.needed("key")
    return _get(call.session.ledger, _asset_pk(call), _ASSET_PREFIX + key, f"Asset state store key {key!r}")


def asset_put(call: Call) -> httpx.Response:
    """Keep a value for good; 422 for null."""
    attributes = {"value": json.dumps(_value(call)), "updated_at": now()}
    call.session.ledger.put(_asset_pk(call), _ASSET_PREFIX + call.needed("key"), attributes)
    return done()


def asset_delete(call: Call) -> httpx.Response:
    """Delete a key of the asset; deleting what is not there is no error."""
    call.session.ledger.delete(_asset_pk(call), _ASSET_PREFIX + call.needed("key"))
    return done()


def asset_clear(call: Call) -> httpx.Response:
    """Delete all keys of the asset."""
    _clear(call.session.ledger, _asset_pk(call), _ASSET_PREFIX)
    return done()


ROUTES: tuple[Route, ...] = (
    ("GET", "store/ti/{id}/{key:path}", task_get),
    ("PUT", "store/ti/{id}/{key:path}", task_put),
    ("DELETE", "store/ti/{id}/{key:path}", task_delete),
    ("DELETE", "store/ti/{id}", task_clear),
    ("GET", "store/asset/by-{kind}/value", asset_get),
    ("PUT", "store/asset/by-{kind}/value", asset_put),
    ("DELETE", "store/asset/by-{kind}/value", asset_delete),
    ("DELETE", "store/asset/by-{kind}/clear", asset_clear),
)
