"""Asset events: recorded when a task succeeds, read by ``asset-events/by-asset`` and ``by-asset-alias``."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import httpx

from ductwork_airflow.execution_api import assets
from ductwork_airflow.execution_api.assets import EVENT_PREFIX, partition_of
from ductwork_airflow.execution_api.bodies import EventItem, Outlet, OutletEvent
from ductwork_airflow.execution_api.router import ApiError, Call, Route, ok
from ductwork_airflow.execution_api.session import Session
from ductwork_airflow.ledger import Item, expiry, ledger_time, moment

log = logging.getLogger(__name__)

_KEY_LENGTH = 250  # of a partition key, as in Airflow's database


@dataclass(frozen=True)
class _Event:
    name: str
    uri: str
    extra: str
    partition_key: str | None = None
    alias: str | None = None


def record(session: Session, outlets: Sequence[Outlet], events: Sequence[OutletEvent], at: str) -> list[EventItem]:
    """Write what a task's success means for its outlets. Writing the same again changes nothing. The events.

    :param outlets: asset profiles: ``name``, ``uri``, ``type``
    :param events: what the task attached, as the task process sends it
    :param at: when the task ended
    """
    _validate(events)
    when = ledger_time(at)
    written: list[EventItem] = []
    wanted = [*_of_outlets(session, outlets, events), *_of_aliases(outlets, events)]
    for place, event in enumerate(wanted):
        number = uuid.uuid5(session.ti_id, str(place)).int >> 66  # fits the API's 64-bit integer
        attributes: EventItem = {
            "event_id": number,
            "name": event.name,
            "uri": event.uri,
            "extra": event.extra,
            "partition_key": event.partition_key or session.run.get("partition_key") or None,
            "timestamp": when,
            "source_dag_id": session.dag_id,
            "source_run_id": session.run_id,
            "source_task_id": session.task_id,
            "source_map_index": session.map_index,
            "alias": event.alias,
            "expires_at": expiry(),
        }
        kinds = [("name", event.name), ("uri", event.uri)] + ([("alias", event.alias)] if event.alias else [])
        for kind, value in kinds:
            session.ledger.put(partition_of(kind, value), f"{EVENT_PREFIX}{when}#{number}", attributes)
        written.append(attributes)
    return written


def _validate(events: Sequence[OutletEvent]) -> None:
    for event in events:
        key = event.get("partition_key")
        if key is not None and not (key.strip() and len(key) <= _KEY_LENGTH):
            message = f"partition_key in outlet event must have 1 to {_KEY_LENGTH} characters; got {key!r}"
            raise ApiError(422, "invalid_partition_key", message)


def _of_outlets(session: Session, outlets: Sequence[Outlet], events: Sequence[OutletEvent]) -> Iterator[_Event]:
    """Every outlet has an event, and as many as the task attached extras."""
    direct = [event for event in events if "source_alias_name" not in event]
    for name, uri in dict.fromkeys(_resolved(session, outlets)):
        attached = [event for event in direct if event["dest_asset_key"] == {"name": name, "uri": uri}]
        for event in attached or [{}]:
            yield _Event(name, uri, json.dumps(event.get("extra") or {}), event.get("partition_key"))


def _resolved(session: Session, outlets: Sequence[Outlet]) -> Iterator[tuple[str, str]]:
    for outlet in outlets:
        if outlet["type"] == "Asset" and outlet.get("name") and outlet.get("uri"):
            yield outlet["name"], outlet["uri"]
        elif outlet["type"] in {"AssetNameRef", "AssetUriRef"}:
            kind, value = ("name", outlet["name"]) if outlet["type"] == "AssetNameRef" else ("uri", outlet["uri"])
            if asset := assets.find(session, kind, value):
                yield asset["name"], asset["uri"]
            else:
                log.warning('Task has inactive assets "Asset.ref(%s=%s)" in inlets or outlets', kind, value)


def _of_aliases(outlets: Sequence[Outlet], events: Sequence[OutletEvent]) -> Iterator[_Event]:
    declared = {outlet["name"] for outlet in outlets if outlet["type"] == "AssetAlias"}
    for event in events:
        if (alias := event.get("source_alias_name")) in declared:
            key = event["dest_asset_key"]
            yield _Event(key["name"], key["uri"], json.dumps(event.get("extra") or {}), alias=alias)


# ---- reading ----


def by_asset(call: Call) -> httpx.Response:
    """The events of an asset by ``name``, ``uri`` or both; 400 if the query has neither."""
    name, uri = call.query.get("name"), call.query.get("uri")
    if not (name or uri):
        raise ApiError(400, "Missing parameter", "name and uri cannot both be None")
    pk = partition_of("name", name) if name else partition_of("uri", uri or "")
    events = _events(call, pk)
    return _reply(call, (event for event in events if not uri or event["uri"] == uri))


def by_alias(call: Call) -> httpx.Response:
    """The events that tasks attached to the alias ``name``."""
    return _reply(call, _events(call, partition_of("alias", call.needed("name"))))


def _events(call: Call, pk: str) -> Iterator[Item]:
    ascending = call.flag("ascending") or "ascending" not in call.query
    after, before = (moment(call.needed(name)) if name in call.query else None for name in ("after", "before"))
    for event in call.session.ledger.partition(pk, EVENT_PREFIX, ScanIndexForward=ascending):
        at = moment(event["timestamp"])
        if (after is None or at >= after) and (before is None or at <= before):
            yield event


def _reply(call: Call, events: Iterator[Item]) -> httpx.Response:
    limit = call.integer("limit") or None
    return ok({"asset_events": [_document(event) for event in islice(events, limit)]})


def _document(event: Item) -> dict[str, object]:
    shared = (
        "timestamp",
        "source_task_id",
        "source_dag_id",
        "source_run_id",
        "source_map_index",
        "partition_key",
    )
    return {
        "id": event["event_id"],
        "extra": json.loads(event["extra"]),
        "asset": assets.document(event),
        "created_dagruns": [],
        **{name: event.get(name) for name in shared},
    }


ROUTES: tuple[Route, ...] = (
    ("GET", "asset-events/by-asset", by_asset),
    ("GET", "asset-events/by-asset-alias", by_alias),
)
