"""One Airflow operator as a :class:`~ductwork.ir.snapshot.TaskSnapshot`."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, TypedDict

from ductwork.diagnostics import Origin
from ductwork.frontend import fields, mapping
from ductwork.frontend.compat import DEFAULT_QUEUE, retry_backoff
from ductwork.frontend.held import held
from ductwork.frontend.plain import dotted_name, plain
from ductwork.frontend.templating import templating_of
from ductwork.ir.snapshot import TaskSnapshot
from ductwork.ir.window import Window

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, TaskGroup

_HOOKS = {"pre_execute", "post_execute"}
# Settings of the DAG that change what its tasks' templates give.
_DAG_RENDERING = ("render_template_as_native_obj", "jinja_environment_kwargs")
_PROVIDERS = "airflow.providers."
_BASE_CLASSES = {"BaseOperator", "AbstractOperator", "object"}
_ABSENT = object()
# Settings that are read: their names, the attributes that keep them, their defaults. pre_execute and post_execute are
# methods too; what the author passed is kept under another name.
_SETTINGS = tuple(
    (
        name,
        f"_{name}_hook" if name in _HOOKS else name,
        DEFAULT_QUEUE if name == "queue" else fields.TASK_DEFAULTS.get(name),
    )
    for name, treatment in fields.TASK.items()
    if treatment in (fields.WORKER, fields.LIMITS) or name in fields.TASK_READ
)


def groups_around(task: BaseOperator) -> list[TaskGroup]:
    """The task groups that a task is in, the outermost first."""
    groups, group = [], task.task_group
    while group is not None and group.group_id is not None:
        groups.append(group)
        group = group.parent_group
    return groups[::-1]


def snapshot_operator(task: BaseOperator, origin: Origin, zone: str) -> TaskSnapshot:
    """An operator as plain data.

    :param task: an operator of a loaded DAG (``airflow.sdk.BaseOperator`` or ``MappedOperator``)
    :param zone: Airflow's default time zone, see :attr:`~ductwork.ir.snapshot.TaskSnapshot.zone`
    """
    group = task.get_closest_mapped_task_group()
    if task.is_mapped:
        return _snapshot_mapped(task, origin, zone)
    cls: type = type(task)
    arguments = _arguments(task)
    return TaskSnapshot(
        task_id=plain(task.task_id),
        origin=origin,
        operator=dotted_name(cls),
        ancestors=_ancestors(cls),
        upstream=tuple(sorted(map(plain, task.upstream_task_ids))),
        group_path=tuple(plain(around.group_id) for around in groups_around(task)),
        mapped_group=plain(group.group_id) if group is not None else "",
        arguments=arguments,
        template_fields=tuple(task.template_fields),
        template_ext=tuple(task.template_ext),
        redefines=_redefines(cls),
        is_empty=_is_empty(task),
        may_defer=_may_defer(cls),
        zone=zone,
        templating=templating_of(task, pulls="xcom_pull" in str(arguments)),
        **_said(task),
    )


def _snapshot_mapped(task: BaseOperator, origin: Origin, zone: str) -> TaskSnapshot:
    operator = getattr(task, "operator_class", type(task))
    named = isinstance(operator, type)
    grouped = TaskSnapshot(
        task_id=plain(task.task_id),
        origin=origin,
        operator=dotted_name(operator) if named else str(operator),
        ancestors=_ancestors(operator) if named else (),  # type: ignore[arg-type]  # classes are hashable
        redefines=_redefines(operator) if named else {},  # type: ignore[arg-type]
        upstream=tuple(sorted(map(plain, task.upstream_task_ids))),
        # What rules would make of the others depends on what the task is expanded over.
        arguments={"mode": plain(task.partial_kwargs["mode"])} if "mode" in task.partial_kwargs else {},
        group_path=tuple(plain(around.group_id) for around in groups_around(task)),
        is_mapped=True,
    )
    if task.get_closest_mapped_task_group() is not None:
        return grouped
    return replace(
        grouped,
        instances=_instances(task, origin, zone) if named else (),
        length=mapping.length(task),
        may_defer=named and _may_defer(operator),  # type: ignore[arg-type]  # classes are hashable
        **_said(task),
    )


@functools.lru_cache(maxsize=256)
def _ancestors(cls: type) -> tuple[str, ...]:
    return tuple(map(dotted_name, cls.__mro__))


class _Said(TypedDict):
    trigger_rule: str
    is_setup: bool
    is_teardown: bool
    fails_run: bool
    retries: int
    retry_delay: float
    retry_backoff: float
    max_retry_delay: float | None
    execution_timeout: float | None
    window: Window
    executor_config: object
    settings: dict[str, object]


def _said(task: BaseOperator) -> _Said:
    """What a mapped task says for its instances as any other task does for itself."""
    return {
        "trigger_rule": str(plain(task.trigger_rule)),
        "is_setup": task.is_setup,
        "is_teardown": task.is_teardown,
        "fails_run": task.is_teardown and task.on_failure_fail_dagrun,
        "retries": int(task.retries or 0),
        "retry_delay": plain(task.retry_delay),
        "retry_backoff": retry_backoff(task),
        "max_retry_delay": plain(task.max_retry_delay),
        "execution_timeout": plain(task.execution_timeout),
        "window": Window.of(task.start_date, task.end_date),
        "executor_config": plain(task.executor_config or {}),
        "settings": _settings(task),
    }


def _instances(task: BaseOperator, origin: Origin, zone: str) -> tuple[TaskSnapshot, ...]:
    """What Airflow would make of a mapped operator of a provider, by index.

    The constructor of a user's own operator may do anything, so it is left to the worker.
    """
    if not task.operator_class.__module__.startswith(_PROVIDERS):
        return ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            instances = [task.unmap(arguments) for arguments in mapping.literals(task)]
            for instance in instances:
                instance.resolve_template_files()
    except Exception:  # noqa: BLE001 - a constructor may raise anything; Airflow raises it when the instance runs
        return ()
    found = [snapshot_operator(instance, origin, zone) for instance in instances]
    # An instance reads XComs that are another for each.
    return tuple(
        replace(each, templating=replace(each.templating, xcoms=()) if each.templating else None) for each in found
    )


def setups_above(tasks: Sequence[BaseOperator]) -> dict[str, tuple[str, ...]]:
    """For each task of a DAG the setups above it, direct or not, that it must wait for.

    Airflow walks through all that is above and below a task; that takes time, so it is asked only if there are setups.
    """
    if not any(task.is_setup for task in tasks):
        return {}
    return {
        task.task_id: tuple(sorted(plain(up.task_id) for up in task.get_upstreams_only_setups()))
        for task in tasks
        if not task.is_teardown
    }


def _arguments(task: BaseOperator) -> dict[str, object]:
    """The operator's constructor arguments by name, as far as it keeps them under the same name or ``_name``."""
    arguments = {}
    cls: type = type(task)
    for name in _argument_names(cls):
        # What is not to be shown is kept under a private name.
        value = held(task, name, _ABSENT)
        if value is _ABSENT:
            value = held(task, f"_{name}", _ABSENT)
        if value is not _ABSENT:
            arguments[name] = plain(value)
    return arguments


@functools.lru_cache(maxsize=256)
def _argument_names(cls: type) -> tuple[str, ...]:
    """The named parameters of the constructors of a class and of those behind it, up to Airflow's base."""
    names: dict[str, None] = {}
    for each in cls.__mro__:
        if each.__name__ in _BASE_CLASSES:
            break
        if "__init__" in vars(each):
            for name, parameter in parameters(vars(each)["__init__"]).items():
                if name != "self" and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                    names[name] = None
    return tuple(names)


def parameters(called: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """A callable's parameters by name; none where Python cannot say, as anything may stand in a signature's place."""
    try:
        return inspect.signature(called).parameters
    except Exception:  # noqa: BLE001
        return {}


@functools.lru_cache(maxsize=256)
def _redefines(cls: type) -> dict[str, tuple[str, ...]]:
    """By class, nearest first: the names in its body that a class behind it defines too."""
    redefined = {}
    classes = [base for base in cls.__mro__ if base is not object]
    for number, each in enumerate(classes):
        if each.__name__ in _BASE_CLASSES:
            break
        behind = {name for base in classes[number + 1 :] for name in vars(base)}
        redefined[dotted_name(each)] = tuple(sorted(name for name in vars(each) if name in behind))
    return redefined


def _settings(task: BaseOperator) -> dict[str, object]:
    """The settings that Ductwork treats in one place for all operators, where they are set."""
    settings = {}
    for name, attribute, default in _SETTINGS:
        given = getattr(task, attribute, None)
        if given is None or (type(given) is list and not given):
            continue
        value = plain(given)
        if fields.says(name, value) and value != default:
            settings[name] = value
    for name in _DAG_RENDERING:
        if value := plain(getattr(task.dag, name, None)):
            settings[name] = value
    # Parameters of the DAG appear on each task too; an explicit False is what matters here.
    pushes = task.partial_kwargs.get("do_xcom_push", True) if task.is_mapped else task.do_xcom_push
    settings["do_xcom_push"] = bool(pushes)
    return settings


def _is_empty(task: BaseOperator) -> bool:
    # The same test as Airflow's scheduler makes before it marks an empty task successful without queueing it.
    listeners = (task.on_execute_callback, task.on_success_callback, task.outlets, task.inlets)
    return bool(task.inherits_from_empty_operator and not any(map(plain, listeners)))


@functools.lru_cache(maxsize=256)
def _may_defer(cls: type) -> bool:
    """Whether any code of the operator's own classes can defer: it mentions ``defer`` or ``TaskDeferred``."""
    # Unwrapped: Airflow puts a guard around every execute().
    return any(
        {"defer", "TaskDeferred", "start_from_trigger"} & _names_used(inner.__code__)
        for base in cls.__mro__
        if base.__name__ not in _BASE_CLASSES
        for function in vars(base).values()
        if inspect.isfunction(function) and (inner := written(function))
    )


def written(called: object) -> FunctionType | None:
    """The function that an author wrote, without what decorators put around it; None if there is no function."""
    try:
        function = inspect.unwrap(called) if callable(called) else None
    except Exception:  # noqa: BLE001 -- __wrapped__ may be computed, or lead back to itself
        return called if inspect.isfunction(called) else None
    return function if inspect.isfunction(function) else None


def _names_used(code: CodeType) -> set[str]:
    return set(code.co_names).union(*map(_names_used, _inner(code)))


def _inner(code: CodeType) -> Iterator[CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))
