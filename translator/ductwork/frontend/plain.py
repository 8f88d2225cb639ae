"""Turning what an operator holds into plain data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from ductwork.ir.snapshot import Opaque

# Classes of providers that hold data alone, by the attributes that are the data.
_RECORDS = {
    "airflow.providers.cncf.kubernetes.secret.Secret": ("deploy_type", "deploy_target", "secret", "key", "items"),
}


_SCALARS: tuple[Any, ...] = (str, int, float)
_SCALAR_TYPES = frozenset({str, int, float, bool})
# Deeper than any data that a job could take; an object may also hold itself.
_DEEPEST = 100


# Any: JSON-like data; who reads a field of an operator it knows says what it takes it for.
def plain(value: object, depth: int = 0) -> Any:
    """``value`` as JSON-like data: durations become seconds, dates ISO text, what is not data :class:`Opaque`.

    Kubernetes objects become what the Kubernetes API calls them, without what is not set. Data of classes that behave
    in ways of their own, or raise, is opaque too. Ids go through here: a DAG file may take them from an enumeration.
    """
    if value is None or type(value) in _SCALAR_TYPES:
        return value
    try:
        return _plain(value, depth + 1) if depth < _DEEPEST else _opaque(value)
    except Exception:  # noqa: BLE001 -- methods of an author's class; a worker has what Airflow makes of them
        return _opaque(value)


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, Enum):
        return plain(value.value, depth)
    if value is None or isinstance(value, bool):
        return value
    # Of subclasses the value that they are of, not what their methods say.
    for base in _SCALARS:
        if isinstance(value, base):
            return value if type(value) is base else base.__new__(base, *base.__getnewargs__(value))
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        # JSON has no other keys, and who sends these may refuse them, or write them in a way of its own.
        keys = {key: plain(key, depth) for key in value}
        if not all(isinstance(key, str) for key in keys.values()):
            return _opaque(value)
        return {keys[key]: plain(inner, depth) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner, depth) for inner in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(inner, depth) for inner in value), key=repr)
    if names := _RECORDS.get(dotted_name(type(value))):
        return {name: plain(getattr(value, name), depth) for name in names}
    if (names := getattr(type(value), "attribute_map", None)) and hasattr(type(value), "openapi_types"):
        # A model of the Kubernetes client: as the Kubernetes API spells it.
        fields = {key: getattr(value, name) for name, key in names.items()}
        return {key: plain(inner, depth) for key, inner in fields.items() if inner is not None}
    return value if isinstance(value, Opaque) else _opaque(value)


def _opaque(value: object) -> Opaque:
    return Opaque(dotted_name(type(value)), f"<{type(value).__name__}>")


def has_opaque(value: object) -> bool:
    """Whether something in a plain value is :class:`Opaque`, at whatever depth."""
    if isinstance(value, Mapping):
        return any(map(has_opaque, value.values()))
    if isinstance(value, list):
        return any(map(has_opaque, value))
    return isinstance(value, Opaque)


def dotted_name(cls: type) -> str:
    """Module and qualified name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"
