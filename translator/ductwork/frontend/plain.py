"""Turning what an operator holds into plain data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from ductwork.snapshot import Opaque

# Classes of providers that hold data alone, by the attributes that are the data.
_RECORDS = {
    "airflow.providers.cncf.kubernetes.secret.Secret": ("deploy_type", "deploy_target", "secret", "key", "items"),
}


def plain(value: Any) -> Any:
    """``value`` as JSON-like data: durations become seconds, dates ISO text, what is not data :class:`Opaque`.

    Kubernetes objects become what the Kubernetes API calls them, without what is not set.

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
    if names := _RECORDS.get(dotted_name(type(value))):
        return {name: plain(getattr(value, name)) for name in names}
    if (names := getattr(type(value), "attribute_map", None)) and hasattr(type(value), "openapi_types"):
        # A model of the Kubernetes client: as the Kubernetes API spells it.
        found = {key: getattr(value, name) for name, key in names.items()}
        return {key: plain(inner) for key, inner in found.items() if inner is not None}
    return Opaque(dotted_name(type(value)), f"<{type(value).__name__}>")


def has_opaque(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(has_opaque, value.values()))
    if isinstance(value, list):
        return any(map(has_opaque, value))
    return isinstance(value, Opaque)


def dotted_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
