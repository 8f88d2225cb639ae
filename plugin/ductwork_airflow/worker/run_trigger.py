"""The trigger of a deferred task, run where the triggerer would: in a process of its own beside this one.

Airflow's supervisor watches that process as it watches a task's: it serves its requests (connections, variables,
XComs, states of other tasks), prints its log and sends heartbeats.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, cast

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.sdk.api.datamodels._generated import TaskInstance
from airflow.sdk.bases.operator import TRIGGER_FAIL_REPR, TriggerFailureReason
from airflow.triggers.base import BaseTaskEndEvent, BaseTrigger, TriggerEvent

from ductwork_airflow import compat
from ductwork_airflow.execution_api import Deferral, Resumption, Session, dag_runs
from ductwork_airflow.worker.client import ledger_client, sdk_task_instance
from ductwork_airflow.worker.helper_process import HelperProcess

log = logging.getLogger(__name__)

_ON_KILL_SECONDS = 10.0


@dataclass(frozen=True)
class Ended:
    """A trigger ended the task itself.

    :param xcoms: JSON values
    """

    state: str
    xcoms: dict[str, object] = field(default_factory=dict)


class TriggerProcess(HelperProcess):
    """It is the process in charge of the task instance while it lives: its heartbeats are the task's."""

    def _on_child_started(self, **started: object) -> None:
        super()._on_child_started(**started)
        self.session.amend(pid=self.pid)


def run_trigger(session: Session) -> Resumption | Ended | int:
    """Run the trigger of ``session.deferral`` until its first event.

    :return: how the task goes on, that it has ended, or the exit code of a trigger process that died
    """
    assert session.deferral is not None
    ti = sdk_task_instance(session)
    with tempfile.TemporaryFile() as result:
        process = TriggerProcess.start(
            what=ti,
            dag_rel_path="",
            bundle_info=None,
            client=ledger_client(session),
            session=session,
            target=partial(_trigger_main, session.deferral, dag_runs.bundle(session.run), ti, result),
        )
        code = int(process.wait())
        result.seek(0)
        content = result.read()
    if code or not content:
        return code or 1
    answer = json.loads(content)
    if "state" in answer:
        return Ended(answer["state"], answer["xcoms"])
    return Resumption(answer["next_method"], answer["next_kwargs"])


# ---- in the trigger's process ----


def _trigger_main(deferral: Deferral, bundle: str, ti: TaskInstance, result: BinaryIO) -> None:
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "client"
    compat.bind_supervisor_comms()
    answer = asyncio.run(_answer(deferral, bundle, ti))
    result.write(json.dumps(answer).encode())
    result.flush()


async def _answer(deferral: Deferral, bundle: str, ti: TaskInstance) -> dict[str, object]:
    try:
        trigger = _inflate(deferral, bundle, ti)
        event = await _first_event(trigger, deferral.timeout)
        if event is None:
            raise RuntimeError(f"trigger {deferral.classpath} exited without sending an event")
        return _after(event, deferral)
    except asyncio.TimeoutError:
        return _failure(TriggerFailureReason.TRIGGER_TIMEOUT, None)
    except Exception:  # noqa: BLE001 -- whatever a trigger raises is its failure, as in Airflow's triggerer
        return _failure(TriggerFailureReason.TRIGGER_FAILURE, traceback.format_exc().splitlines())


def _import(classpath: str, bundle: str) -> type[BaseTrigger]:
    module, _, name = classpath.rpartition(".")
    try:
        return cast("type[BaseTrigger]", getattr(importlib.import_module(module), name))
    except ModuleNotFoundError:
        # The triggerer would give up, but here the DAG's bundle is at hand, and with it the modules beside the DAG.
        dag_bundle = DagBundlesManager().get_bundle(bundle)
        dag_bundle.initialize()
        sys.path.append(str(dag_bundle.path))
        return cast("type[BaseTrigger]", getattr(importlib.import_module(module), name))


def _inflate(deferral: Deferral, bundle: str, ti: TaskInstance) -> BaseTrigger:
    trigger_class = _import(deferral.classpath, bundle)
    trigger = trigger_class(**compat.decode_trigger_kwargs(deferral.trigger_kwargs))
    trigger.task_instance = ti
    trigger.trigger_id = 1
    trigger.triggerer_job_id = None
    trigger.timeout_after = None
    return trigger


class _OwnTimeout(Exception):
    """A TimeoutError of the trigger's own, which is a failure and not the end of ``trigger_timeout``."""


async def _first_event(trigger: BaseTrigger, timeout: float | None) -> TriggerEvent | None:
    """The first event of a trigger, which is cleaned up afterwards.

    :raises asyncio.TimeoutError: there was none within ``timeout`` seconds
    """
    task: asyncio.Future[TriggerEvent | None] = asyncio.ensure_future(_next(trigger.run()))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout)
        if not done:
            task.cancel()
            raise asyncio.TimeoutError
        return await _result(task, trigger)
    finally:
        try:
            await trigger.cleanup()
        except Exception:  # whatever a trigger's cleanup raises changes nothing, as in the triggerer
            log.exception("the trigger's cleanup failed")


async def _result(task: asyncio.Future[TriggerEvent | None], trigger: BaseTrigger) -> TriggerEvent | None:
    if task.cancelled():  # SIGTERM
        if (on_kill := getattr(trigger, "on_kill", None)) is not None:
            await asyncio.wait_for(on_kill(), _ON_KILL_SECONDS)
        sys.exit(128 + signal.SIGTERM)
    try:
        return task.result()
    except asyncio.TimeoutError as error:
        raise _OwnTimeout(str(error)) from error


async def _next(events: AsyncIterator[TriggerEvent]) -> TriggerEvent | None:
    async for event in events:
        return event
    return None


def _after(event: TriggerEvent, deferral: Deferral) -> dict[str, object]:
    if isinstance(event, BaseTaskEndEvent):
        xcoms = {key: compat.encode(value) for key, value in (event.xcoms or {}).items()}
        return {"state": str(event.task_instance_state.value), "xcoms": xcoms}
    arguments = compat.decode_next_kwargs(deferral.next_kwargs)
    return {"next_method": deferral.next_method, "next_kwargs": compat.encode({**arguments, "event": event.payload})}


def _failure(reason: TriggerFailureReason, lines: list[str] | None) -> dict[str, object]:
    arguments: dict[str, object] = {"error": reason.value}
    if lines is not None:
        arguments["traceback"] = lines
    return {"next_method": TRIGGER_FAIL_REPR, "next_kwargs": compat.encode(arguments)}
