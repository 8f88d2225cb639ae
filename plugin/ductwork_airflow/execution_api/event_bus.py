"""Asset events on Amazon EventBridge, for whoever listens there.

What is to be put is written onto the task instance's item together with its success (``asset_events_due``) and taken
away once EventBridge has it, so a worker that dies between the two leaves it for the one that repeats its report. An
event may so be put twice: its ``id`` stays the same.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypedDict

from botocore.exceptions import BotoCoreError, ClientError
from ductwork.contracts.asset_queue import DETAIL_TYPE, SOURCE

from ductwork_airflow.execution_api.bodies import AssetKey, EventItem

DUE: Final = "asset_events_due"
# Entries of one request: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
_AT_ONCE = 10
_TRIES = 4
# Of the 256 KiB that entries may take; the rest is the source, the type and the time.
_MOST_BYTES = 240_000


class Entry(TypedDict):
    """Of PutEvents."""

    Source: str
    DetailType: str
    Detail: str
    Resources: Sequence[str]
    EventBusName: str


class Result(TypedDict, total=False):
    """What PutEvents answers to an entry."""

    ErrorCode: str
    ErrorMessage: str


class EventsClient(Protocol):
    """A low-level client of EventBridge."""

    def put_events(self, *, Entries: Sequence[Entry]) -> Mapping[str, Sequence[Result]]:
        """Put at most ten events on their buses; the answers are in ``Entries``."""


class _Shown(TypedDict):
    """What of an event is told to who listens, as far as it is looked at here."""

    asset: AssetKey


@dataclass(frozen=True)
class EventBus:
    """An EventBridge bus that gets asset events.

    :param name: of the bus, or its ARN
    :param connect: makes a boto3 EventBridge client
    :param pause: seconds before the second try; they double
    """

    name: str
    connect: Callable[[], EventsClient] = field(repr=False)
    pause: float = 0.5

    def put(self, due: str) -> str | None:
        """Put events on the bus, with a few tries.

        :param due: what :func:`due` has made
        :return: why some events are not on the bus, None if all are
        """
        left = [self._entry(event) for event in json.loads(due)]
        client, why = self.connect(), None
        for number in range(_TRIES):
            if number:
                time.sleep(self.pause * 2 ** (number - 1))
            left, why = self._put(client, left)
            if not left:
                return None
        return why

    def _put(self, client: EventsClient, entries: Sequence[Entry]) -> tuple[list[Entry], str | None]:
        """The entries that were not taken, and why."""
        left: list[Entry] = []
        why = None
        for some in _portions(entries):
            try:
                results = client.put_events(Entries=some)["Entries"]
            except (ClientError, BotoCoreError) as error:
                left, why = [*left, *some], str(error)
                continue
            for entry, result in zip(some, results, strict=True):
                if "ErrorCode" in result:
                    left.append(entry)
                    why = f"{result['ErrorCode']}: {result.get('ErrorMessage', '')}"
        return left, why

    def _entry(self, event: _Shown) -> Entry:
        detail = json.dumps(event)
        if len(detail.encode()) > _MOST_BYTES:
            detail = json.dumps({**event, "extra": None, "extra_left_out": True})
        return {
            "Source": SOURCE,
            "DetailType": DETAIL_TYPE,
            "Detail": detail,
            "Resources": [event["asset"]["uri"]],
            "EventBusName": self.name,
        }


def _portions(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """As many entries as one request may have."""
    some: list[Entry] = []
    size = 0
    for entry in entries:
        entry_size = len(entry["Detail"].encode())
        if some and (len(some) == _AT_ONCE or size + entry_size > _MOST_BYTES):
            yield some
            some, size = [], 0
        some.append(entry)
        size += entry_size
    if some:
        yield some


def due(events: Sequence[EventItem]) -> str | None:
    """The attribute that says what is to be put, if anything.

    :param events: the attributes of the ledger's events
    """
    shown = [
        {
            "id": f"{event['source_run_id']}/{event['event_id']}",
            "asset": {"name": event["name"], "uri": event["uri"]},
            "extra": json.loads(event["extra"]),
            "timestamp": event["timestamp"],
            "partition_key": event["partition_key"],
            "alias": event["alias"],
            "source_dag_id": event["source_dag_id"],
            "source_run_id": event["source_run_id"],
            "source_task_id": event["source_task_id"],
            "source_map_index": event["source_map_index"],
        }
        for event in events
    ]
    return json.dumps(shown) if shown else None


def flush(bus: EventBus | None, due: str | None, amend: Callable[..., bool]) -> None:
    """Put what is due of a task instance. What cannot be put stays due; the task has succeeded all the same.

    :param due: what its item says, if anything
    """
    if bus is None or due is None:
        return
    if why := bus.put(due):
        print(f"ductwork worker: asset events are not on event bus {bus.name}: {why}", file=sys.stderr)
        return
    amend(**{DUE: None})
