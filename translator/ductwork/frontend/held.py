"""What an object keeps under a name, read without running code of its class: a property may look anything up."""

from __future__ import annotations

import inspect
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

from ductwork.frontend.plain import dotted_name
from ductwork.ir.snapshot import Opaque

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

_MISSING = object()


# Any: whatever the author, or a class of Airflow's, has put there.
def held(owner: object, name: str, default: object = None) -> Any:
    """What an object has under a name.

    :return: the value in the object or its class; an :class:`~ductwork.ir.snapshot.Opaque` where a class computes it
    """
    attribute = inspect.getattr_static(owner, name, _MISSING)
    if attribute is _MISSING:
        return default
    attributes = getattr(owner, "__dict__", {})
    if name in attributes and attributes[name] is attribute:
        return attribute
    if isinstance(attribute, MemberDescriptorType):
        return getattr(owner, name, default)
    if hasattr(type(attribute), "__get__"):
        return Opaque(dotted_name(type(attribute)), f"<{type(attribute).__name__}>")
    return attribute


def rendered(task: BaseOperator, name: str) -> object:
    """A template field's value. Airflow runs properties among them itself when it makes the operator."""
    value = held(task, name)
    if not isinstance(value, Opaque):
        return value
    try:
        return getattr(task, name, None)
    except Exception:  # noqa: BLE001 -- what only a worker can compute
        return value
