"""Who reads whose XComs, as far as a DAG's arguments, templates and callables show it."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

from airflow.sdk.definitions.xcom_arg import XComArg

from ductwork.frontend.held import held, rendered
from ductwork.frontend.operators import parameters, written
from ductwork.frontend.plain import plain

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

_PULL = "xcom_pull"
_METHODS = (staticmethod, classmethod)
_CALLBACKS = [f"on_{end}_callback" for end in ("execute", "failure", "success", "retry", "skipped")]


def readers(tasks: Sequence[BaseOperator]) -> dict[str, tuple[str, ...]]:
    """Which tasks read whose XComs.

    :param tasks: the operators of one DAG
    :return: by task id: the ids of the tasks that read its XComs
    """
    ids = {plain(task.task_id) for task in tasks}
    by_source: dict[str, set[str]] = {}
    codes = _Codes()
    for task in tasks:
        values = _values(task)
        for read in ids & {*_referenced(task, values), *_pulled(task, values, codes)}:
            by_source.setdefault(read, set()).add(plain(task.task_id))
    return {read: tuple(sorted(by)) for read, by in by_source.items()}


def _values(task: BaseOperator) -> dict[str, object]:
    """What a task holds that may name other tasks, by the names of its arguments."""
    if task.is_mapped:
        return {**task.partial_kwargs, "": task._get_specified_expand_input().value}
    return {name: rendered(task, name) for name in (*task.template_fields, "python_callable")}


def _referenced(task: BaseOperator, values: Mapping[str, object]) -> Iterator[str]:
    """Tasks whose output is among the arguments."""
    if task.is_mapped:
        # A decorated function is expanded by another attribute than an operator is.
        expanded = task._get_specified_expand_input().iter_references()
        references = [*XComArg.iter_xcom_references(task.partial_kwargs), *expanded]
    else:
        # Not of the task itself: Airflow loads one that lacks a template field, and fails it when it runs.
        held_there = [values[name] for name in task.template_fields]
        references = list(XComArg.iter_xcom_references([each for each in held_there if not isinstance(each, str)]))
    for operator, _ in references:
        yield plain(operator.task_id)


def _pulled(task: BaseOperator, values: Mapping[str, object], codes: _Codes) -> Iterator[str]:
    """Possible task ids in what pulls XComs: quoted texts in templates, constants of the author's code, arguments."""
    for text in _texts(list(values.values())):
        if _PULL in text:
            yield from text.replace('"', "'").split("'")
    classes = _own_classes(task)
    texts = codes.texts(classes, [values.get("python_callable"), *_callbacks(task)])
    if texts is not None:
        yield from texts
        arguments = [name for cls in classes for name in parameters(cls)]
        yield from _texts([*values.values(), *(held(task, name) for name in arguments if name != "task_id")])


class _Codes:
    """The author's code, looked at once for all tasks that share it."""

    def __init__(self) -> None:
        # What was looked at is kept, so that no other object takes its id.
        self._seen: dict[tuple[int, ...], tuple[list[object], list[str] | None]] = {}

    def texts(self, classes: Sequence[type], called: Sequence[object]) -> list[str] | None:
        """Texts in code that pulls XComs; None if it pulls none.

        :param classes: of an operator; all that is in them counts
        :param called: callables, and what is none
        """
        looked_at = [*classes, *(each for each in called if each is not None)]
        key = tuple(map(id, looked_at))
        if key not in self._seen:
            self._seen[key] = (looked_at, self._read(classes, called))
        return self._seen[key][1]

    @staticmethod
    def _read(classes: Sequence[type], called: Sequence[object]) -> list[str] | None:
        seen: set[FunctionType] = set()
        every = [*(value for cls in classes for value in vars(cls).values()), *called]
        functions = [function for each in every for function in _functions(each, seen)]
        codes = [code for function in functions for code in _codes(function.__code__)]
        if _PULL not in {name for code in codes for name in code.co_names}:
            return None
        constants = [constant for code in codes for constant in code.co_consts]
        return [*_texts(constants), *_texts([value for function in functions for value in _named(function)])]


def _own_classes(task: BaseOperator) -> tuple[type, ...]:
    """The classes of an operator that are not Airflow's or its providers'."""
    operator = task.operator_class if task.is_mapped else type(task)
    return _not_airflows(operator) if isinstance(operator, type) else ()


@functools.lru_cache(maxsize=256)
def _not_airflows(operator: type) -> tuple[type, ...]:
    return tuple(cls for cls in operator.__mro__[:-1] if not cls.__module__.startswith("airflow."))


def _callbacks(task: BaseOperator) -> Iterator[object]:
    for name in _CALLBACKS:
        given = getattr(task, name, None)
        yield from given if isinstance(given, (list, tuple)) else [given]


def _functions(called: object, seen: set[FunctionType]) -> Iterator[FunctionType]:
    """A callable's function, and those of its module that it calls; none for callables that are not Python's own."""
    while isinstance(called, functools.partial):
        called = called.func
    function = written(called.__func__ if inspect.ismethod(called) or isinstance(called, _METHODS) else called)
    if function is None or function in seen:
        return
    seen.add(function)
    yield function
    for value in _named(function):
        if inspect.isfunction(value) and value.__module__ == function.__module__:
            yield from _functions(value, seen)


def _named(function: FunctionType) -> Iterator[object]:
    """The values that a function's code takes from its module and from the functions around it."""
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    yield from (function.__globals__[name] for name in sorted(names & function.__globals__.keys()))
    for cell in function.__closure__ or ():
        # A name of the function around it that has no value (yet) leaves its cell empty.
        with contextlib.suppress(ValueError):
            yield cell.cell_contents


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            yield from _texts(value)
        elif hasattr(type(value), "openapi_types"):
            yield from _texts(vars(value).values())
