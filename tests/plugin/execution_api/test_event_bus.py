"""Asset events on EventBridge: put once the task has succeeded, and not lost by a worker that dies in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from ductwork_airflow.execution_api import event_bus
from ductwork_airflow.execution_api.event_bus import DUE, EventBus

from .conftest import NOW, Api, MakeApi

Bus = tuple[EventBus, Stubber]


@pytest.fixture
def bus() -> Iterator[Bus]:
    client = boto3.client("events", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:
        yield EventBus("assets", lambda: client, pause=0.0), stubber
        stubber.assert_no_pending_responses()


def taken(*failed: int, of: int = 1) -> dict[str, Any]:
    entries = [{"ErrorCode": "ThrottlingException"} if i in failed else {"EventId": str(i)} for i in range(of)]
    return {"FailedEntryCount": len(failed), "Entries": entries}


def expected(of: int = 1) -> dict[str, Any]:
    entry = {
        "Source": "ductwork",
        "DetailType": "Asset Event",
        "EventBusName": "assets",
        "Resources": ["s3://bucket/orders"],
        "Detail": ANY,
    }
    return {"Entries": [entry] * of}


def succeed(api: Api, extras: int = 1, **further: Any) -> None:
    api.start()
    asset = {"name": "orders", "uri": "s3://bucket/orders"}
    events = [{"dest_asset_key": asset, "extra": {"rows": number}, **further} for number in range(extras)]
    outlets = [{**asset, "type": "Asset"}]
    body = {"state": "success", "end_date": NOW.isoformat(), "task_outlets": outlets, "outlet_events": events}
    api.client.patch(f"task-instances/{api.id}/state", json=body)


def test_an_event_is_put(make_api: MakeApi, bus: Bus) -> None:
    seen: list[dict[str, Any]] = []
    api = make_api()
    api.session.event_bus, stubber = bus
    stubber.add_response("put_events", taken(), expected())
    client = bus[0].connect()
    client.meta.events.register("provide-client-params.*", lambda params, **_: seen.append(dict(params)))
    succeed(api)
    detail = json.loads(seen[0]["Entries"][0]["Detail"])
    found = api.client.asset_events.get(name="orders", uri="s3://bucket/orders").asset_events
    (recorded,) = (event for event in found if event.source_dag_id == api.session.dag_id)
    assert detail.pop("id") == f"{api.session.run_id}/{recorded.id}"
    assert detail == {
        "asset": {"name": "orders", "uri": "s3://bucket/orders"},
        "extra": {"rows": 0},
        "timestamp": "2026-03-01T12:00:00.000Z",
        "partition_key": None,
        "alias": None,
        "source_dag_id": api.session.dag_id,
        "source_run_id": api.session.run_id,
        "source_task_id": "task",
        "source_map_index": -1,
    }
    assert (api.item["state"], DUE in api.item) == ("success", False)


@pytest.mark.parametrize(("of_run", "own", "expected"), [("day", None, "day"), ("day", "own", "own"), ("", None, None)])
def test_an_event_is_of_its_own_partition_else_of_the_runs(
    make_api: MakeApi, of_run: str, own: str | None, expected: str | None
) -> None:
    api = make_api()
    api.session.run["partition_key"] = of_run
    succeed(api, **({"partition_key": own} if own else {}))
    found = api.client.asset_events.get(name="orders", uri="s3://bucket/orders").asset_events
    (recorded,) = (event for event in found if event.source_dag_id == api.session.dag_id)
    assert recorded.partition_key == expected


def test_what_was_not_taken_is_put_again_and_nothing_else(make_api: MakeApi, bus: Bus) -> None:
    api = make_api()
    api.session.event_bus, stubber = bus
    stubber.add_response("put_events", taken(1, 2, of=10), expected(10))
    stubber.add_client_error("put_events", "InternalException")
    stubber.add_response("put_events", taken(of=4), expected(4))
    succeed(api, extras=12)
    assert DUE not in api.item


def test_what_cannot_be_put_stays_due(make_api: MakeApi, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    """The task has succeeded; the worker that repeats its report puts the event."""
    api = make_api()
    api.session.event_bus, stubber = bus
    for _ in range(4):
        stubber.add_client_error("put_events", "AccessDeniedException", "no events:PutEvents")
    succeed(api)
    assert api.item["state"] == "success"
    assert "asset events are not on event bus assets" in (said := capsys.readouterr().err)
    assert "no events:PutEvents" in said
    stubber.add_response("put_events", taken(), expected())
    event_bus.flush(bus[0], api.item[DUE], api.session.amend)
    assert DUE not in api.item


def test_without_a_bus_nothing_is_due(api: Api) -> None:
    succeed(api)
    assert DUE not in api.item


def test_an_extra_too_large_for_an_event_is_left_out(bus: Bus) -> None:
    stubber = bus[1]
    stubber.add_response("put_events", taken(), {"Entries": [{**expected()["Entries"][0]}]})
    event = {"id": "1", "asset": {"name": "orders", "uri": "s3://bucket/orders"}, "extra": {"text": "x" * 300_000}}
    assert bus[0].put(json.dumps([event])) is None
