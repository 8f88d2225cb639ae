"""How many instances a mapped operator will have, from what it is expanded over, and what each of them gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING

from airflow.sdk.definitions.xcom_arg import ConcatXComArg, MapXComArg, PlainXComArg, XComArg, ZipXComArg

from ductwork.frontend.plain import plain
from ductwork.ir.map_length import Length

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.definitions._internal.expandinput import ExpandInput

# Beyond, a definition that spells every instance out would take much of the megabyte that AWS allows.
_MOST_LITERALS = 1_000


def length(task: BaseOperator) -> Length | None:
    """How many instances a mapped operator has.

    :param task: an ``airflow.sdk.definitions.mappedoperator.MappedOperator``
    :return: None if it depends on something that only Airflow knows
    """
    return length_of(task._get_specified_expand_input())


def length_of(expand_input: ExpandInput) -> Length | None:
    """How many items it has.

    :param expand_input: of a mapped operator or of a mapped task group
    :return: None if it depends on something that only Airflow knows
    """
    value = expand_input.value
    # expand() takes the cross product of its arguments, expand_kwargs() one list.
    return _combined("product", value.values()) if isinstance(value, dict) else _of(value)


def _combined(kind: str, values: Iterable[object]) -> Length | None:
    parts = [_of(value) for value in values]
    counted = tuple(part for part in parts if part is not None)
    return Length(kind, parts=counted) if len(counted) == len(parts) else None


def _of(value: object) -> Length | None:
    if isinstance(value, PlainXComArg):
        return Length("xcom", task_id=plain(value.operator.task_id))
    if isinstance(value, MapXComArg):
        return _of(value.arg)
    if isinstance(value, ZipXComArg):
        filled = type(value.fillvalue).__name__ != "ArgNotSet"
        return _combined("max" if filled else "min", value.args)
    if isinstance(value, ConcatXComArg):
        return _combined("sum", value.args)
    # Of any other sequence (a range, bytes, a deque) Airflow's scheduler has the text, and expands over its characters.
    if not isinstance(value, (list, tuple, dict)):
        return None
    return Length("number", number=len(value))


def literals(task: BaseOperator) -> list[Mapping[str, object]]:
    """The mapped arguments of each instance of a mapped operator; empty if the file does not say."""
    expand_input = task._get_specified_expand_input()
    value = expand_input.value
    items = value.values() if isinstance(value, dict) else [value, *(value if isinstance(value, list) else ())]
    length = length_of(expand_input)
    if length is None or any(isinstance(each, XComArg) for each in items):
        return []
    number = length.most(lambda _: 0)
    if number > _MOST_LITERALS:
        return []
    return [expand_input.resolve({"ti": SimpleNamespace(map_index=index)})[0] for index in range(number)]
