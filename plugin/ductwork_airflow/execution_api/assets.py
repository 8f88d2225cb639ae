"""Assets: ``assets/by-name``, ``by-uri`` and ``by-alias``. The ledger knows an asset by the events recorded for it."""

from __future__ import annotations

from typing import Any

import httpx

from ductwork_airflow.execution_api.router import Call, Route, not_found, ok
from ductwork_airflow.ledger import Item, Ledger

EVENT_PREFIX = "event#"


def partition_of(kind: str, value: str) -> str:
    """
    :param kind: ``name``, ``uri`` or ``alias``
    """
    return f"asset#{kind}#{value}"


def newest_event(ledger: Ledger, kind: str, value: str) -> Item | None:
    return next(ledger.partition(partition_of(kind, value), EVENT_PREFIX, ScanIndexForward=False), None)


def document(event: Item) -> dict[str, Any]:
    return {"name": event["name"], "uri": event["uri"], "group": event.get("group", "asset"), "extra": {}}


def by_name(call: Call) -> httpx.Response:
    return _one(call, "name")


def by_uri(call: Call) -> httpx.Response:
    return _one(call, "uri")


def _one(call: Call, kind: str) -> httpx.Response:
    value = call.needed(kind)
    event = newest_event(call.session.ledger, kind, value)
    if event is None:
        raise not_found(f"Asset with {kind} {value} not found")
    return ok(document(event))


def by_alias(call: Call) -> httpx.Response:
    events = call.session.ledger.partition(partition_of("alias", call.needed("alias_name")), EVENT_PREFIX)
    found = {(event["name"], event["uri"]): document(event) for event in events}
    return ok(list(found.values()))


ROUTES: tuple[Route, ...] = (
    ("GET", "assets/by-name", by_name),
    ("GET", "assets/by-uri", by_uri),
    ("GET", "assets/by-alias", by_alias),
)
