"""How many instances a mapped operator will have, from what it is expanded over, and what each of them gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from airflow.sdk.definitions.xcom_arg import ConcatXComArg, MapXComArg, PlainXComArg, XComArg, ZipXComArg

from ductwork.frontend.plain import plain
from ductwork.lengths import Length

# Beyond, a definition that spells every instance out would take much of the megabyte that AWS allows.
_MOST_LITERALS = 1_000


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


def literals(task: Any) -> list[Mapping[str, Any]]:
    """The mapped arguments of each instance of a mapped operator; empty if the file does not tell."""
    expand_input = task._get_specified_expand_input()
    value = expand_input.value
    told = value.values() if isinstance(value, dict) else [value, *(value if isinstance(value, list) else ())]
    found = length_of(expand_input)
    if found is None or any(isinstance(each, XComArg) for each in told):
        return []
    number = found.most(lambda _: 0)
    if number > _MOST_LITERALS:
        return []
    return [expand_input.resolve({"ti": SimpleNamespace(map_index=index)})[0] for index in range(number)]
