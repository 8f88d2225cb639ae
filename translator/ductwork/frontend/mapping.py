"""How many instances a mapped operator will have, from what it is expanded over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow.sdk.definitions.xcom_arg import ConcatXComArg, MapXComArg, PlainXComArg, XComArg, ZipXComArg

from ductwork.frontend.plain import plain
from ductwork.lengths import Length


def length(task: Any) -> Length | None:
    """
    :param task: an ``airflow.sdk.definitions.mappedoperator.MappedOperator``
    :return: None if it depends on something that only Airflow knows
    """
    return length_of(task._get_specified_expand_input())


def length_of(expand_input: Any) -> Length | None:
    """
    :param expand_input: of a mapped operator or of a mapped task group
    """
    value = expand_input.value
    # expand() takes the cross product of its arguments, expand_kwargs() one list.
    return _combined("product", value.values()) if isinstance(value, dict) else _of(value)


def _combined(kind: str, values: Iterable[Any]) -> Length | None:
    parts = [_of(value) for value in values]
    known = tuple(part for part in parts if part is not None)
    return Length(kind, parts=known) if len(known) == len(parts) else None


def _of(value: Any) -> Length | None:
    if isinstance(value, PlainXComArg):
        return Length("xcom", task_id=plain(value.operator.task_id))
    if isinstance(value, MapXComArg):
        return _of(value.arg)
    if isinstance(value, ZipXComArg):
        filled = type(value.fillvalue).__name__ != "ArgNotSet"
        return _combined("max" if filled else "min", value.args)
    if isinstance(value, ConcatXComArg):
        return _combined("sum", value.args)
    if isinstance(value, XComArg) or not hasattr(value, "__len__"):
        return None
    return Length("number", number=len(value))
