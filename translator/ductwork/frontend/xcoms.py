"""Who reads whose XComs, as far as a DAG's arguments, templates and callables show it."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import CodeType, FunctionType
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
        # A decorated function is expanded by another attribute than an operator is.
        expanded = task._get_specified_expand_input().iter_references()
        references = [*XComArg.iter_xcom_references(task.partial_kwargs), *expanded]
    else:
        # Not of the task itself: Airflow loads one that lacks a template field, and fails it when it runs.
        references = list(XComArg.iter_xcom_references([getattr(task, name, None) for name in task.template_fields]))
    for operator, _ in references:
        yield plain(operator.task_id)


def _pulled(task: Any) -> Iterator[str]:
    """What may be ids in what pulls XComs: quoted texts in templates, constants in the code of callables."""
    if task.is_mapped:
        values = {**task.partial_kwargs, "": task._get_specified_expand_input().value}
    else:
        values = {name: getattr(task, name, None) for name in _holders(task)}
    for text in _texts(list(values.values())):
        if _PULL in text:
            yield from text.replace('"', "'").split("'")
    called = values.get("python_callable")
    functions = list(_functions(called, set())) if callable(called) else []
    codes = [code for function in functions for code in _codes(function.__code__)]
    if _PULL in {name for code in codes for name in code.co_names}:
        yield from _texts([constant for code in codes for constant in code.co_consts])
        yield from _texts([value for function in functions for value in _named(function)])


def _functions(called: Any, seen: set[FunctionType]) -> Iterator[FunctionType]:
    """A callable's function, and those of its module that it calls."""
    while isinstance(called, functools.partial):
        called = called.func
    function = inspect.unwrap(getattr(called, "__func__", called))
    if not inspect.isfunction(function) or function in seen:
        return
    seen.add(function)
    yield function
    for value in _named(function):
        if inspect.isfunction(value) and value.__module__ == function.__module__:
            yield from _functions(value, seen)


def _named(function: FunctionType) -> Iterator[Any]:
    """The values that a function's code takes from its module and from the functions around it."""
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    yield from (function.__globals__[name] for name in sorted(names & function.__globals__.keys()))
    for cell in function.__closure__ or ():
        # A name of the function around it that has no value (yet) leaves its cell empty.
        with contextlib.suppress(ValueError):
            yield cell.cell_contents


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
