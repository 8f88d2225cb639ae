"""Variables and connections.

They come from Airflow's secrets backends. A variable that a task sets is kept in the ledger, encrypted with Airflow's
Fernet key, and found there after the backends. The item ``variables`` / ``key#<key>`` beside it makes ``keys`` one
query.
"""

from __future__ import annotations

from http import HTTPStatus

import httpx
from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

from ductwork_airflow.execution_api import secrets
from ductwork_airflow.execution_api.router import Call, Route, done, not_found, ok
from ductwork_airflow.ledger import now

_KEYS_PK = "variables"
_KEY_PREFIX = "key#"
_SK = "variable"


def _pk(key: str) -> str:
    return f"variable#{key}"


def get(call: Call) -> httpx.Response:
    """``{"key", "value"}``: from the secrets backends, else what a task has set; 404 if there is none."""
    key = call.params["key"]
    for backend in ensure_secrets_backend_loaded():
        if (value := backend.get_variable(key=key)) is not None:
            return ok({"key": key, "value": value})
    item = call.session.ledger.get(_pk(key), _SK)
    if item is None:
        raise not_found(f"Variable with key '{key}' not found")
    return ok({"key": key, "value": secrets.decrypt(item["value"])})


def put(call: Call) -> httpx.Response:
    """Keep a variable, encrypted; the body has ``value`` (or ``val``) and ``description``."""
    key, body = call.params["key"], call.json()
    value = body.get("value", body.get("val"))
    attributes: dict[str, object] = {
        "value": secrets.encrypt("" if value is None else str(value)),
        "description": body.get("description"),
        "updated_at": now(),
    }
    call.session.ledger.put(_pk(key), _SK, attributes)
    call.session.ledger.put(_KEYS_PK, _KEY_PREFIX + key, {"updated_at": now()})
    return ok({"message": "Variable successfully set"}, HTTPStatus.CREATED)


def delete(call: Call) -> httpx.Response:
    """Delete what a task has set; a variable of a secrets backend stays."""
    key = call.params["key"]
    call.session.ledger.delete(_pk(key), _SK)
    call.session.ledger.delete(_KEYS_PK, _KEY_PREFIX + key)
    return done()


def keys(call: Call) -> httpx.Response:
    """Only of variables set by tasks: secrets backends cannot list theirs, and Airflow's server does not either."""
    items = call.session.ledger.partition(_KEYS_PK, _KEY_PREFIX + call.query.get("prefix", ""))
    names = [item["sk"].removeprefix(_KEY_PREFIX) for item in items]
    offset, limit = call.integer("offset", 0) or 0, call.integer("limit", 1000) or 1000
    return ok({"keys": names[offset : offset + limit], "total_entries": len(names)})


def connection(call: Call) -> httpx.Response:
    """A connection from the secrets backends, its password in the clear; 404 if none has it."""
    conn_id = call.params["conn_id"]
    for backend in ensure_secrets_backend_loaded():
        if (conn := backend.get_connection(conn_id=conn_id)) is not None:
            names = ("conn_type", "host", "schema", "login", "password", "port", "extra")
            return ok({"conn_id": conn_id, **{name: getattr(conn, name, None) for name in names}})
    raise not_found(f"Connection with ID {conn_id} not found")


ROUTES: tuple[Route, ...] = (
    ("GET", "variables/keys", keys),
    ("GET", "variables/{key:path}", get),
    ("PUT", "variables/{key:path}", put),
    ("DELETE", "variables/{key:path}", delete),
    ("GET", "connections/{conn_id}", connection),
)
