"""Who reads whose XComs, as far as a DAG's arguments, templates and callables show it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import CodeType
from typing import Any

from airflow.sdk.definitions.xcom_arg import XComArg

from ductwork.frontend.plain import plain

_PULL = "xcom_pull"


def readers(tasks: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    """
    :param tasks: the operators of one DAG
    :return: by task id: the tasks that read its XComs
    """
    ids = {plain(task.task_id) for task in tasks}
    found: dict[str, set[str]] = {}
    for task in tasks:
        for read in ids & {*_referenced(task), *_pulled(task)}:
            found.setdefault(read, set()).add(plain(task.task_id))
    return {read: tuple(sorted(by)) for read, by in found.items()}


def _referenced(task: Any) -> Iterator[str]:
    """Tasks whose output is among the arguments."""
    if task.is_mapped:
        references = [*XComArg.iter_xcom_references(task.partial_kwargs), *task.expand_input.iter_references()]
    else:
        # Not of the task itself: Airflow loads one that lacks a template field, and fails it when it runs.
        references = list(XComArg.iter_xcom_references([getattr(task, name, None) for name in task.template_fields]))
    for operator, _ in references:
        yield plain(operator.task_id)


def _pulled(task: Any) -> Iterator[str]:
    """What may be ids in what pulls XComs: quoted texts in templates, constants in the code of callables."""
    values = task.partial_kwargs if task.is_mapped else {name: getattr(task, name, None) for name in _holders(task)}
    for text in _texts(list(values.values())):
        if _PULL in text:
            yield from text.replace('"', "'").split("'")
    called = values.get("python_callable")
    code = getattr(inspect.unwrap(called), "__code__", None) if callable(called) else None
    if code is not None and _PULL in {name for each in _codes(code) for name in each.co_names}:
        yield from _texts([constant for each in _codes(code) for constant in each.co_consts])


def _holders(task: Any) -> list[str]:
    return [*task.template_fields, "python_callable"]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            yield from _texts(value)
        elif hasattr(type(value), "openapi_types"):
            yield from _texts(vars(value).values())
