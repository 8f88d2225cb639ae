"""What a run's item says as JSON text, small enough for an item of DynamoDB (400 KB) for ten thousand tasks."""

from __future__ import annotations

import json

from ductwork.contracts.compression import compressed, unpacked_text
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.ledger import RUN_JSON, json_text

# Smaller ones stay as they are: everybody can read them.
_PLAIN_BYTES = 100_000
# Runs of earlier versions have their tasks as nested values, or compressed under this name.
_PACKED = "tasks_packed"


def packed(item: JsonObject) -> dict[str, object]:
    """A run's item as it is written: what is JSON text in it (:data:`RUN_JSON`) is, and a large one is compressed."""
    texts = {name: packed_text(json_text(item[name])) for name in RUN_JSON if item.get(name) is not None}
    return {**item, **texts}


def unpacked(item: JsonObject) -> dict[str, object]:
    """A run's item as callers know it, the opposite of :func:`packed`."""
    found = dict(item)
    if _PACKED in found:
        found["tasks"] = found.pop(_PACKED)
    texts = {name: text for name in RUN_JSON if isinstance(text := found.get(name), str)}
    return found | {name: json.loads(unpacked_text(text)) for name, text in texts.items()}


def packed_text(text: str) -> str:
    """JSON text as an attribute, as base64 text of its compressed form where it is large."""
    return text if len(text.encode()) <= _PLAIN_BYTES else compressed(text)
