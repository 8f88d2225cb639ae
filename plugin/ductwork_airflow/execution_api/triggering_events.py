"""The asset events that a run is about: ``triggering_asset_events`` in its tasks' context.

As in Airflow they are all events of the assets and aliases that the DAG is scheduled on, after those of the run before
and up to the moment that the run is dated by (``run_after``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from airflow.sdk.api.datamodels._generated import AssetEventDagRunReference
from ductwork.contracts.run_item import RunItem

from ductwork_airflow.execution_api.assets import EVENT_PREFIX, partition_of
from ductwork_airflow.ledger import Item, Ledger, ledger_time


def of_run(ledger: Ledger, run: RunItem) -> list[dict[str, object]]:
    """The events in the API's shape, in the order of their times; none for a run that something else has started."""
    after = run.get("asset_events_after")
    if not after:
        return []
    lower, upper = ledger_time(after), ledger_time(run["run_after"])
    found: dict[tuple[str, int], Item] = {}
    for update in json.loads(run.get("asset_triggers") or "[]"):
        for event in _events(ledger, update, lower, upper):
            found[event["timestamp"], event["event_id"]] = event
    return [_document(found[key]) for key in sorted(found)]


def _events(ledger: Ledger, update: Mapping[str, str], lower: str, upper: str) -> Iterator[Item]:
    """The events of an update of ``asset_triggers`` after ``lower`` up to ``upper``, latest first."""
    kind = next(kind for kind in ("name", "uri", "alias") if kind in update)
    for event in ledger.partition(partition_of(kind, update[kind]), EVENT_PREFIX, ScanIndexForward=False):
        if event["timestamp"] <= lower:
            return
        if event["timestamp"] <= upper and event["uri"] == update.get("uri", event["uri"]):
            yield event


def _document(event: Item) -> dict[str, object]:
    alias = event.get("alias")
    fields = {
        "asset": {"name": event["name"], "uri": event["uri"], "extra": {}},
        "extra": json.loads(event["extra"]),
        "source_task_id": event["source_task_id"],
        "source_dag_id": event["source_dag_id"],
        "source_run_id": event["source_run_id"],
        "source_map_index": int(event["source_map_index"]),
        "source_aliases": [{"name": alias}] if alias else [],
        "timestamp": event["timestamp"],
        "partition_key": event.get("partition_key"),
    }
    # Airflow 3.1 knows no partitions, and takes no member that it does not know.
    return {name: value for name, value in fields.items() if name in AssetEventDagRunReference.model_fields}
