"""Where the supported versions of Airflow differ. No other module of this package knows of versions."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from airflow.dag_processing.bundles.base import BaseDagBundle
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import BaseOperator
    from airflow.task.priority_strategy import PriorityWeightStrategy


def supervise(**arguments: Any) -> int:
    """Run one task instance to its end; the exit code of its process, negative for a signal."""
    from airflow.sdk.execution_time import supervisor

    function = getattr(supervisor, "supervise_task", None) or supervisor.supervise  # renamed in 3.2
    return int(function(**arguments))


def look_after_task_every(seconds: float) -> float:
    """Let the supervisor look at its task so often.

    It looks once per ``[workers] min_heartbeat_interval`` and may miss the end of the task's process until the next
    look, which costs a short task more time than it takes.

    :return: the configured interval, in seconds
    """
    from airflow.configuration import conf
    from airflow.sdk.execution_time import supervisor

    supervisor.MIN_HEARTBEAT_INTERVAL = seconds
    return float(conf.getint("workers", "min_heartbeat_interval"))


def cut_socket_cleanup(seconds: float) -> None:
    """Let the supervisor wait no longer than this for what a dead task's children still hold open."""
    from airflow.sdk.execution_time import supervisor

    supervisor.SOCKET_CLEANUP_TIMEOUT = min(supervisor.SOCKET_CLEANUP_TIMEOUT, seconds)


def dag_bag() -> type[DagBag]:
    """The class with which a task's process loads its DAG file (elsewhere before 3.2)."""
    try:
        from airflow.dag_processing.dagbag import BundleDagBag
    except ImportError:
        from airflow.models.dagbag import BundleDagBag
    return cast("type[DagBag]", BundleDagBag)


def redact(text: str) -> str:
    """``text`` with every secret that Airflow knows of masked."""
    from airflow.sdk._shared.secrets_masker import redact as mask

    return str(mask(text))


# ---- the arguments of deferred tasks: serde since 3.2, BaseSerialization before ----


def encode(value: object) -> object:
    """Python objects as JSON, in the form in which a task process expects its ``next_kwargs``."""
    try:
        from airflow.sdk.serde import serialize
    except ImportError:
        from airflow.serialization.serialized_objects import BaseSerialization

        return BaseSerialization.serialize(value)
    return serialize(value)


def decode_xcom(encoded: object) -> object:
    """The object that an XCom's JSON stands for. It imports the classes named there, as far as Airflow allows."""
    try:
        from airflow.sdk.serde import deserialize
    except ImportError:
        from airflow.serialization.serde import deserialize
    return deserialize(encoded)


# Any: of the types that the operator's method takes.
def decode_next_kwargs(encoded: object) -> dict[str, Any]:
    """The arguments of a deferred operator's method, as the scheduler decodes them.

    :raises ValueError: it is not a dictionary that was encoded
    """
    from airflow.serialization.serialized_objects import BaseSerialization

    if not encoded:
        return {}
    try:
        from airflow.sdk.serde import deserialize

        decoded = deserialize(encoded)
    except (ImportError, KeyError, AttributeError, TypeError):  # what Airflow itself falls back on
        decoded = BaseSerialization.deserialize(encoded)
    if not isinstance(decoded, dict):
        raise ValueError(f"next_kwargs decoded to {type(decoded).__name__}, expected a dict")
    return decoded


# Any: of the types that the trigger takes.
def decode_trigger_kwargs(encoded: Mapping[str, object] | str) -> dict[str, Any]:
    """A trigger's arguments, as Airflow's triggerer reads them: a JSON object, or a Fernet-encrypted string."""
    from airflow.models.trigger import Trigger

    try:
        from airflow.serialization.decoders import smart_decode_trigger_kwargs
    except ImportError:  # before 3.2
        from airflow.serialization.serialized_objects import smart_decode_trigger_kwargs

    text = encoded if isinstance(encoded, str) else json.dumps(encoded)
    return {name: smart_decode_trigger_kwargs(value) for name, value in Trigger._decrypt_kwargs(text).items()}


# ---- operators in a DAG file ----


def weight_rule(task: BaseOperator) -> str | PriorityWeightStrategy:
    """An operator's, as its constructor takes it. Before 3.2 an operator keeps a strategy of a private class."""
    rule = task.weight_rule
    if isinstance(rule, str):
        return rule
    from airflow.task.priority_strategy import airflow_priority_weight_strategies

    return next((name for name, cls in airflow_priority_weight_strategies.items() if type(rule) is cls), rule)


# ---- processes beside the task's own ----


def bind_supervisor_comms() -> None:
    """Give this process, a child of the supervisor, Airflow's channel to it, usable from an event loop and threads."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import CommsDecoder

    lock = threading.Lock()

    class SupervisorComms(CommsDecoder):  # type: ignore[misc]
        def send(self, msg: object) -> object:
            with lock:
                return super().send(msg)

        async def asend(self, msg: object) -> object:
            return await asyncio.to_thread(self.send, msg)

    task_runner.SUPERVISOR_COMMS = SupervisorComms()


def load_dags(bundle: BaseDagBundle, bundle_name: str, dag_file: str) -> DagBag:
    """A file's DAGs as a task's process loads them: Airflow's DagBag.

    :param bundle: an initialised DAG bundle
    :param dag_file: relative to the bundle
    """
    bag = dag_bag()
    # Where it moved to in 3.2, it takes the bundle's name too.
    named = {"bundle_name": bundle_name} if bag.__module__ == "airflow.dag_processing.dagbag" else {}
    path = os.fspath(Path(bundle.path, dag_file))
    return bag(dag_folder=path, safe_mode=False, load_op_links=False, bundle_path=bundle.path, **named)


def share_decoders() -> None:
    """Make what decodes the messages of a task's supervisor, and JSON, once for all processes forked from this one.

    Airflow makes it anew in each process that a task runs in, a quarter of what such a process does for a short task.
    """
    from airflow.sdk.execution_time import comms, task_runner
    from pydantic import JsonValue, TypeAdapter

    made: dict[int, TypeAdapter[object]] = {
        id(comms.ToTask): TypeAdapter(comms.ToTask),
        id(JsonValue): TypeAdapter(JsonValue),
    }

    def adapter(kind: type[object]) -> TypeAdapter[object]:
        return made.get(id(kind)) or TypeAdapter(kind)

    for module in (comms, task_runner):
        if getattr(module, "TypeAdapter", None) is TypeAdapter:
            module.TypeAdapter = adapter


def tells_triggers_of_kills() -> bool:
    """Whether Airflow calls a trigger's ``on_kill``, as it does since 3.3. Before, a cancelled trigger has to find out
    for itself whether its task was killed.
    """
    from airflow.triggers.base import BaseTrigger

    return hasattr(BaseTrigger, "on_kill")


def starts_tasks_in_triggerer() -> bool:
    """Whether Airflow's scheduler may defer a task itself, without a process of the task's, and tells the trigger which
    task instance it is of, as it does since 3.3.
    """
    return tells_triggers_of_kills()


def is_dag_processor() -> bool:
    """Whether this process reads DAG files for Airflow's DAG processor, which shows what goes wrong: import errors."""
    from airflow.sdk.execution_time import task_runner

    processor = sys.modules.get("airflow.dag_processing.processor")
    decoder = getattr(getattr(task_runner, "SUPERVISOR_COMMS", None), "body_decoder", None)
    # Unlike a task's process, which loads the file to run something of it.
    return processor is not None and getattr(decoder, "_type", None) is processor.ToDagProcessor


def supervisor_is_busy() -> bool:
    """Whether this task process is in the midst of asking its supervisor something: a signal handler must not ask
    too then. Before 3.2 there is no telling, so this says no.
    """
    from airflow.sdk.execution_time import task_runner

    lock = getattr(getattr(task_runner, "SUPERVISOR_COMMS", None), "_thread_lock", None)
    return bool(lock is not None and lock.locked())


def task_exceptions() -> ModuleType:
    """The module of the exceptions by which a task's code says how it ends (elsewhere before they moved)."""
    moved = import_module("airflow.sdk.exceptions")
    return moved if hasattr(moved, "AirflowFailException") else import_module("airflow.exceptions")


def already_running() -> tuple[type[Exception], ...]:
    """What the client raises for a 409 on start: an exception of its own since 3.3."""
    from airflow.sdk import exceptions

    error = getattr(exceptions, "TaskAlreadyRunningError", None)
    return (error,) if error else ()
