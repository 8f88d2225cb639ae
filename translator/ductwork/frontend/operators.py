"""One Airflow operator as a :class:`~ductwork.snapshot.TaskSnapshot`."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import CodeType
from typing import Any

from ductwork.diagnostics import Origin
from ductwork.frontend import fields, mapping
from ductwork.frontend.compat import retry_backoff
from ductwork.frontend.plain import dotted_name, plain
from ductwork.snapshot import TaskSnapshot

_HOOKS = {"pre_execute", "post_execute"}
# Settings of the DAG that change what its tasks' templates give.
_DAG_RENDERING = ("render_template_as_native_obj", "jinja_environment_kwargs")
_PROVIDERS = "airflow.providers."
_BASE_CLASSES = {"BaseOperator", "AbstractOperator", "object"}


def groups_around(task: Any) -> list[Any]:
    """The task groups that a task is in, the outermost first."""
    found, group = [], task.task_group
    while group is not None and group.group_id is not None:
        found.append(group)
        group = group.parent_group
    return found[::-1]


def snapshot_operator(task: Any, origin: Origin) -> TaskSnapshot:
    """
    :param task: an operator of a loaded DAG (``airflow.sdk.BaseOperator`` or ``MappedOperator``)
    """
    group = task.get_closest_mapped_task_group()
    if task.is_mapped:
        return _snapshot_mapped(task, origin)
    cls: Any = type(task)
    return TaskSnapshot(
        task_id=plain(task.task_id),
        origin=origin,
        operator=dotted_name(cls),
        ancestors=tuple(dotted_name(base) for base in cls.__mro__),
        upstream=tuple(sorted(map(plain, task.upstream_task_ids))),
        within=tuple(plain(around.group_id) for around in groups_around(task)),
        group=plain(group.group_id) if group is not None else "",
        trigger_rule=str(plain(task.trigger_rule)),
        arguments=_arguments(task),
        template_fields=tuple(task.template_fields),
        template_ext=tuple(task.template_ext),
        redefines=_redefines(cls),
        is_empty=_is_empty(task),
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        fails_run=task.is_teardown and task.on_failure_fail_dagrun,
        may_defer=_may_defer(cls),
        retries=int(task.retries or 0),
        retry_delay=plain(task.retry_delay),
        retry_backoff=retry_backoff(task),
        max_retry_delay=plain(task.max_retry_delay),
        execution_timeout=plain(task.execution_timeout),
        executor_config=plain(task.executor_config or {}),
        settings=_settings(task),
    )


def _snapshot_mapped(task: Any, origin: Origin) -> TaskSnapshot:
    operator = getattr(task, "operator_class", type(task))
    named = isinstance(operator, type)
    grouped = TaskSnapshot(
        task_id=plain(task.task_id),
        origin=origin,
        operator=dotted_name(operator) if named else str(operator),
        ancestors=tuple(dotted_name(base) for base in operator.__mro__) if named else (),
        upstream=tuple(sorted(map(plain, task.upstream_task_ids))),
        # What rules would make of the others depends on what the task is expanded over.
        arguments={"mode": plain(task.partial_kwargs["mode"])} if "mode" in task.partial_kwargs else {},
        within=tuple(plain(around.group_id) for around in groups_around(task)),
        is_mapped=True,
    )
    if task.get_closest_mapped_task_group() is not None:
        return grouped
    return replace(
        grouped,
        instances=_instances(task, origin) if named else (),
        trigger_rule=str(plain(task.trigger_rule)),
        length=mapping.length(task),
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        fails_run=task.is_teardown and task.on_failure_fail_dagrun,
        may_defer=named and _may_defer(operator),  # type: ignore[arg-type]  # classes are hashable
        retries=int(task.retries or 0),
        retry_delay=plain(task.retry_delay),
        retry_backoff=retry_backoff(task),
        max_retry_delay=plain(task.max_retry_delay),
        execution_timeout=plain(task.execution_timeout),
        executor_config=plain(task.executor_config or {}),
        settings=_settings(task),
    )


def _instances(task: Any, origin: Origin) -> tuple[TaskSnapshot, ...]:
    """What Airflow would make of a mapped operator of a provider, by index. Constructors of users' own operators may do
    anything, and are left to the worker."""
    if not task.operator_class.__module__.startswith(_PROVIDERS):
        return ()
    found = []
    for arguments in mapping.literals(task):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                instance = task.unmap(arguments)
                instance.resolve_template_files()
        except Exception:  # noqa: BLE001 - a constructor may raise anything; Airflow raises it when the instance runs
            return ()
        found.append(snapshot_operator(instance, origin))
    return tuple(found)


def setups_above(tasks: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    """For each task of a DAG the setups above it, direct or not, that it must wait for.

    Airflow walks through all that is above and below a task, which is only worth its time where there are setups.
    """
    if not any(task.is_setup for task in tasks):
        return {}
    return {
        task.task_id: tuple(sorted(plain(up.task_id) for up in task.get_upstreams_only_setups()))
        for task in tasks
        if not task.is_teardown
    }


def _arguments(task: Any) -> dict[str, Any]:
    """The operator's constructor arguments by name, as far as it keeps them under the same name or ``_name``."""
    found = {}
    for cls in type(task).__mro__:
        if cls.__name__ in _BASE_CLASSES:
            break
        if "__init__" not in vars(cls):
            continue
        for name, parameter in inspect.signature(vars(cls)["__init__"]).parameters.items():
            named = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            if not named or name == "self" or name in found:
                continue
            # What is not to be shown is kept under a private name.
            kept = next((each for each in (name, f"_{name}") if hasattr(task, each)), None)
            if kept:
                found[name] = plain(getattr(task, kept))
    return found


@functools.lru_cache(maxsize=256)
def _redefines(cls: type) -> dict[str, tuple[str, ...]]:
    """By class, nearest first: the names in its body that a class behind it defines too."""
    found = {}
    classes = [base for base in cls.__mro__ if base is not object]
    for number, each in enumerate(classes):
        if each.__name__ in _BASE_CLASSES:
            break
        behind = {name for base in classes[number + 1 :] for name in vars(base)}
        found[dotted_name(each)] = tuple(sorted(name for name in vars(each) if name in behind))
    return found


def _settings(task: Any) -> dict[str, Any]:
    """The settings that Ductwork treats in one place for all operators, where they are set."""
    interesting = {fields.WORKER, fields.LIMITS, fields.REFUSED}
    found = {}
    for name, treatment in fields.TASK.items():
        if treatment not in interesting and name not in fields.TASK_READ:
            continue
        # pre_execute and post_execute are methods too; what the author passed is kept under another name.
        value = getattr(task, f"_{name}_hook" if name in _HOOKS else name, None)
        if value and value != fields.TASK_DEFAULTS.get(name):
            found[name] = plain(value)
    for name in _DAG_RENDERING:
        if value := getattr(task.dag, name, None):
            found[name] = plain(value)
    # Parameters of the DAG appear on each task too; an explicit False is what matters here.
    pushes = task.partial_kwargs.get("do_xcom_push", True) if task.is_mapped else task.do_xcom_push
    found["do_xcom_push"] = bool(pushes)
    return found


def _is_empty(task: Any) -> bool:
    # The same test as Airflow's scheduler makes before it marks an empty task successful without queueing it.
    return bool(
        task.inherits_from_empty_operator
        and not task.on_execute_callback
        and not task.on_success_callback
        and not task.outlets
        and not task.inlets
    )


@functools.lru_cache(maxsize=256)
def _may_defer(cls: type) -> bool:
    """Whether any code of the operator's own classes can defer: it mentions ``defer`` or ``TaskDeferred``."""
    # Unwrapped: Airflow puts a guard around every execute().
    return any(
        {"defer", "TaskDeferred", "start_from_trigger"} & _names_used(inspect.unwrap(function).__code__)
        for base in cls.__mro__
        if base.__name__ not in _BASE_CLASSES
        for function in vars(base).values()
        if inspect.isfunction(function)
    )


def _names_used(code: CodeType) -> set[str]:
    return set(code.co_names).union(*map(_names_used, _inner(code)))


def _inner(code: CodeType) -> Iterator[CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))
