"""Assets: ``assets/by-name``, ``by-uri`` and ``by-alias``.

An asset is known from the DAG's file, whose assets are in the run's item, or by the events recorded for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict, cast

import httpx
from ductwork.ir.assets import DEFAULT_GROUP

from ductwork_airflow.execution_api.router import Call, Route, not_found, ok
from ductwork_airflow.execution_api.session import Session
from ductwork_airflow.ledger import Item, Ledger


class AssetDocument(TypedDict):
    """An asset as the API describes it."""

    name: str
    uri: str
    group: str
    extra: Mapping[str, object]


EVENT_PREFIX = "event#"


def partition_of(kind: str, value: str) -> str:
    """The partition key of the events of an asset or alias.

    :param kind: ``name``, ``uri`` or ``alias``
    """
    return f"asset#{kind}#{value}"


def newest_event(ledger: Ledger, kind: str, value: str) -> Item | None:
    """The latest event of an asset or alias; None if it has had none.

    :param kind: ``name``, ``uri`` or ``alias``
    """
    return next(ledger.partition(partition_of(kind, value), EVENT_PREFIX, ScanIndexForward=False), None)


def find(session: Session, kind: str, value: str) -> AssetDocument | None:
    """The asset as the API describes it; what the DAG file says comes before what an event says.

    :param kind: ``name`` or ``uri``
    """
    for asset in session.run.get("assets") or ():
        if asset[kind] == value:
            return cast(AssetDocument, {"group": DEFAULT_GROUP, "extra": {}, **asset})
    event = newest_event(session.ledger, kind, value)
    return None if event is None else document(event)


def document(event: Item) -> AssetDocument:
    """The asset of an event, in the API's shape."""
    return {"name": event["name"], "uri": event["uri"], "group": DEFAULT_GROUP, "extra": {}}


def by_name(call: Call) -> httpx.Response:
    """An asset in the API's shape; 404 if neither the DAG file nor an event names it."""
    return _one(call, "name")


def by_uri(call: Call) -> httpx.Response:
    """An asset in the API's shape; 404 if neither the DAG file nor an event names it."""
    return _one(call, "uri")


def _one(call: Call, kind: str) -> httpx.Response:
    value = call.needed(kind)
    asset = find(call.session, kind, value)
    if asset is None:
        raise not_found(f"Asset with {kind} {value} not found")
    return ok(asset)


def by_alias(call: Call) -> httpx.Response:
    """The assets that events attached to the alias ``alias_name``, each once."""
    events = call.session.ledger.partition(partition_of("alias", call.needed("alias_name")), EVENT_PREFIX)
    by_key = {(event["name"], event["uri"]): document(event) for event in events}
    return ok(list(by_key.values()))


ROUTES: tuple[Route, ...] = (
    ("GET", "assets/by-name", by_name),
    ("GET", "assets/by-uri", by_uri),
    ("GET", "assets/by-alias", by_alias),
)
