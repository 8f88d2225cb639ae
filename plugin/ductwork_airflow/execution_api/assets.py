"""Assets: ``assets/by-name``, ``by-uri`` and ``by-alias``.

An asset is known from the DAG's file, whose assets are in the run's item, or by the events recorded for it.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
from ductwork.assets import DEFAULT_GROUP

from ductwork_airflow.execution_api.router import Call, Route, not_found, ok
from ductwork_airflow.execution_api.session import Session
from ductwork_airflow.ledger import Item, Ledger

EVENT_PREFIX = "event#"


def partition_of(kind: str, value: str) -> str:
    """
    :param kind: ``name``, ``uri`` or ``alias``
    """
    return f"asset#{kind}#{value}"


def newest_event(ledger: Ledger, kind: str, value: str) -> Item | None:
    return next(ledger.partition(partition_of(kind, value), EVENT_PREFIX, ScanIndexForward=False), None)


def find(session: Session, kind: str, value: str) -> dict[str, Any] | None:
    """The asset as the API describes it; what the DAG's file says goes before what an event tells.

    :param kind: ``name`` or ``uri``
    """
    for asset in json.loads(session.run.get("assets", "[]")):
        if asset[kind] == value:
            return {"group": DEFAULT_GROUP, "extra": {}, **asset}
    event = newest_event(session.ledger, kind, value)
    return None if event is None else document(event)


def document(event: Item) -> dict[str, Any]:
    return {"name": event["name"], "uri": event["uri"], "group": DEFAULT_GROUP, "extra": {}}


def by_name(call: Call) -> httpx.Response:
    return _one(call, "name")


def by_uri(call: Call) -> httpx.Response:
    return _one(call, "uri")


def _one(call: Call, kind: str) -> httpx.Response:
    value = call.needed(kind)
    asset = find(call.session, kind, value)
    if asset is None:
        raise not_found(f"Asset with {kind} {value} not found")
    return ok(asset)


def by_alias(call: Call) -> httpx.Response:
    events = call.session.ledger.partition(partition_of("alias", call.needed("alias_name")), EVENT_PREFIX)
    found = {(event["name"], event["uri"]): document(event) for event in events}
    return ok(list(found.values()))


ROUTES: tuple[Route, ...] = (
    ("GET", "assets/by-name", by_name),
    ("GET", "assets/by-uri", by_uri),
    ("GET", "assets/by-alias", by_alias),
)
