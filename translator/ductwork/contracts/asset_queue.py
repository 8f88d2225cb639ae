"""What a DAG that updates of assets start has in the ledger, and what of it its runs are given.

The queue's item (``contracts/run_queue.py``) has under the key of an update (:func:`update_key`) when it was first seen
since the last run. Beside it is an item for each event that has been counted, so that one that comes twice counts once.
"""

from __future__ import annotations

from ductwork.contracts.ledger import json_text
from ductwork.contracts.names import short_hash
from ductwork.ir.asset_condition import AssetUpdate

EVENT_PREFIX = "event#"
# Of an execution's input and a run's item: the run is about the events after this moment, up to its run_after.
AFTER = "asset_events_after"
# Of a run's item: the updates that its DAG is scheduled on, as JSON text.
TRIGGERS = "asset_triggers"
RUN_TYPE = "asset_triggered"
SOURCE, DETAIL_TYPE = "ductwork", "Asset Event"


def update_key(update: AssetUpdate) -> str:
    """The attribute of the queue's item that says when an update was first seen."""
    return f"asset_{short_hash(json_text(update.document()), 12)}"
