"""Turning what an operator holds into plain data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from ductwork.snapshot import Opaque


def plain(value: Any) -> Any:
    """``value`` as JSON-like data: durations become seconds, dates ISO text, what is not data :class:`Opaque`.

    Ids go through here too: a DAG file may take them from an enumeration.
    """
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(inner) for inner in value), key=repr)
    return Opaque(dotted_name(type(value)), f"<{type(value).__name__}>")


def has_opaque(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(has_opaque, value.values()))
    if isinstance(value, list):
        return any(map(has_opaque, value))
    return isinstance(value, Opaque)


def dotted_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
