"""What a twin's mapped tasks and groups are expanded over: as many items as the original's, and none of its values.

Airflow's scheduler counts the items: of a literal in the DAG file, of an upstream task by the length that came with its
return value. Edges, and what happens to a mapped task whose upstream tasks left nothing to count, follow from the
references. So the references stay, now to the mirror tasks, and products, ``zip`` and ``concat`` with them; literals
become numbers. ``map`` has no effect on a length: what its function does, it has done on AWS.

A mirror task takes no values, so in its process nothing is resolved, and no XCom is read or decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import TYPE_CHECKING

import attrs
from airflow.sdk import DAG
from airflow.sdk.definitions._internal.expandinput import DictOfListsExpandInput, ListOfDictsExpandInput
from airflow.sdk.definitions.xcom_arg import ConcatXComArg, MapXComArg, PlainXComArg, XComArg, ZipXComArg

if TYPE_CHECKING:
    from airflow.sdk.definitions._internal.expandinput import ExpandInput

_NOTHING: tuple[Mapping[str, object], set[int]] = ({}, set())
_UNFILLED = attrs.fields(ZipXComArg).fillvalue.default


class UncountableError(ValueError):
    """Only what is mapped over knows how long it is; the message is the name of its class."""


class Product(DictOfListsExpandInput):  # type: ignore[misc]
    """``expand()``: the product of its arguments, whose order decides which combination has which index."""

    def resolve(self, context: Mapping[str, object]) -> tuple[Mapping[str, object], set[int]]:
        return _NOTHING


class Listed(ListOfDictsExpandInput):  # type: ignore[misc]
    """``expand_kwargs()``: one list."""

    def resolve(self, context: Mapping[str, object]) -> tuple[Mapping[str, object], set[int]]:
        return _NOTHING


def none() -> Product:
    """The value for instances that only show what happened on AWS."""
    return Product({})


def of_same_length(original: ExpandInput, twin: DAG) -> Product | Listed:
    """Something to expand over that has as many items as the original.

    :param original: what a mapped operator or a mapped task group is expanded over
    :param twin: its tasks are referred to, so they must all be there
    :raises UncountableError: the original does not say how long it is
    """
    value = original.value
    if isinstance(value, dict):
        return Product({name: _counted(argument, twin) for name, argument in value.items()})
    if isinstance(value, XComArg):
        return Listed(_counted(value, twin))
    return Listed([_counted(each, twin) if isinstance(each, XComArg) else {} for each in value])


def _counted(value: object, twin: DAG) -> XComArg | list[int]:
    if isinstance(value, PlainXComArg):
        return PlainXComArg(twin.get_task(value.operator.task_id), value.key)
    if isinstance(value, MapXComArg):
        return _counted(value.arg, twin)
    if isinstance(value, ZipXComArg):
        # Whether the shorter ones are filled up decides the length; what with does not.
        fillvalue = _UNFILLED if value.fillvalue is _UNFILLED else None
        return ZipXComArg([_counted(each, twin) for each in value.args], fillvalue=fillvalue)
    if isinstance(value, ConcatXComArg):
        return ConcatXComArg([_counted(each, twin) for each in value.args])
    if isinstance(value, XComArg) or not isinstance(value, Sized):
        raise UncountableError(type(value).__name__)
    return list(range(len(value)))
