"""What a run's item says of its tasks, small enough for an item of DynamoDB (400 KB) for ten thousand of them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

# Smaller ones stay as they are: everybody can read them, and the state machines' own expressions must.
_PLAIN_BYTES = 100_000
_TASKS, _PACKED = "tasks", "tasks_packed"


def packed(item: Mapping[str, Any]) -> dict[str, Any]:
    """A run's item as it is written: a large ``tasks`` becomes ``tasks_packed``, compressed JSON as base64 text."""
    text = json.dumps(item.get(_TASKS)).encode()
    if len(text) <= _PLAIN_BYTES:
        return dict(item)
    rest = {name: value for name, value in item.items() if name != _TASKS}
    return {**rest, _PACKED: _compressed(text)}


def unpacked(item: Mapping[str, Any]) -> dict[str, Any]:
    """A run's item as callers know it, the opposite of :func:`packed`."""
    if _PACKED not in item:
        return dict(item)
    rest = {name: value for name, value in item.items() if name != _PACKED}
    return {**rest, _TASKS: json.loads(_expanded(item[_PACKED]))}


def packed_text(text: str) -> str:
    """JSON text as an attribute beside ``tasks``; :func:`unpacked_text` is the opposite."""
    return text if len(text) <= _PLAIN_BYTES else _compressed(text.encode())


def unpacked_text(text: str) -> str:
    return text if text.startswith("{") else _expanded(text).decode()


def _compressed(text: bytes) -> str:
    return base64.b64encode(zlib.compress(text, 9)).decode()


def _expanded(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))
