"""What an object keeps under a name, read without running code of its class: a property may look anything up."""

from __future__ import annotations

from collections.abc import Mapping
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

from ductwork.frontend.plain import dotted_name
from ductwork.ir.snapshot import Opaque

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

_MISSING = object()
# What a class has, whatever its metaclass makes of these names.
_classes_of = type.__dict__["__mro__"].__get__
_names_of = type.__dict__["__dict__"].__get__


# Any: whatever the author, or a class of Airflow's, has put there.
def held(owner: object, name: str, default: object = None) -> Any:
    """What an object has under a name.

    :return: the value in the object or its class; an :class:`~ductwork.ir.snapshot.Opaque` where a class computes it
    """
    in_class = _of_class(type(owner), name)
    computed = hasattr(type(in_class), "__get__")
    # A descriptor that also takes values comes before what the object has.
    if not (computed and (hasattr(type(in_class), "__set__") or hasattr(type(in_class), "__delete__"))):
        attributes = _own(owner)
        if name in attributes:
            return attributes[name]
    if in_class is _MISSING:
        return default
    if isinstance(in_class, MemberDescriptorType):
        return getattr(owner, name, default)
    if computed:
        return Opaque(dotted_name(type(in_class)), f"<{type(in_class).__name__}>")
    return in_class


def _of_class(cls: type, name: str) -> object:
    for each in _classes_of(cls):
        if name in (names := _names_of(each)):
            return names[name]
    return _MISSING


def _own(owner: object) -> Mapping[str, object]:
    # A class may compute this name, too.
    if type(_of_class(type(owner), "__dict__")) is not GetSetDescriptorType:
        return {}
    attributes: Mapping[str, object] = object.__getattribute__(owner, "__dict__")
    return attributes


def rendered(task: BaseOperator, name: str) -> object:
    """A template field's value. Airflow runs properties among them itself when it makes the operator."""
    value = held(task, name)
    if not isinstance(value, Opaque):
        return value
    try:
        return getattr(task, name, None)
    except Exception:  # noqa: BLE001 -- what only a worker can compute
        return value
