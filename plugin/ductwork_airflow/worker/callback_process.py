"""Callbacks and e-mails of a DAG file, run where Airflow's DAG processor would: in a process of their own.

Airflow runs the callbacks of a task that could not run them itself, and those of a DAG run, in the process that parses
DAG files. The functions that do it there are called here, with the requests that Airflow's scheduler would send; what
the callbacks ask of Airflow (connections, variables, XComs) is answered as for a task.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import structlog
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.sdk.api.datamodels._generated import TaskInstance

from ductwork_airflow import compat
from ductwork_airflow.dag_code.tree import DagCodeError
from ductwork_airflow.execution_api import Session
from ductwork_airflow.worker.callback_request import Callbacks
from ductwork_airflow.worker.client import ledger_client, sdk_task_instance
from ductwork_airflow.worker.helper_process import HelperProcess

if TYPE_CHECKING:
    from airflow.callbacks.callback_requests import CallbackRequest
    from airflow.sdk import DAG


class CallbackProcess(HelperProcess):
    """The process of callbacks; no task runs in it."""

    def _send_heartbeat_if_needed(self) -> None:
        """The task instance is nobody's now. The supervisor only has to believe that it has sent one."""
        self._last_successful_heartbeat = time.monotonic()


def run_callbacks(callbacks: Callbacks, session: Session, shown: Session | None = None) -> int:
    """Run callbacks; nothing happens if the DAG has no such callbacks.

    :param session: the task instance as which the callbacks speak to Airflow
    :param shown: learns the process's id, if that is another session
    :return: the process's exit code: negative if it was killed, positive if the DAG could not be loaded
    """
    shown = shown or session
    process = CallbackProcess.start(
        what=TaskInstance(**callbacks.ti) if callbacks.ti else sdk_task_instance(session),
        dag_rel_path="",
        bundle_info=None,
        client=ledger_client(session),
        session=shown,
        target=partial(_main, callbacks),
    )
    try:
        return int(process.wait())
    finally:
        shown.pid = None


# ---- in the process ----


def _main(callbacks: Callbacks) -> None:
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "client"
    compat.bind_supervisor_comms()
    log = structlog.get_logger(logger_name="task")
    bundle = DagBundlesManager().get_bundle(callbacks.bundle)
    try:
        bundle.initialize()
    except DagCodeError as error:
        log.error(f"Callbacks are lost: {error}")
        sys.exit(1)
    bag = compat.load_dags(bundle, callbacks.bundle, callbacks.dag_file)
    dag = bag.dags.get(callbacks.dag_id)
    if dag is None or (callbacks.ti and callbacks.kind != "run" and callbacks.ti["task_id"] not in dag.task_dict):
        log.error("Callbacks are lost: the DAG or the task is not in the file", dag_file=callbacks.dag_file)
        sys.exit(1)
    for request in _of_run(callbacks, dag) if callbacks.kind == "run" else _of_task(callbacks, dag):
        from airflow.dag_processing import processor

        processor._execute_callbacks(bag, [request], log)


def _of_run(callbacks: Callbacks, dag: DAG) -> Iterator[CallbackRequest]:
    if not (dag.on_failure_callback if callbacks.failed else dag.on_success_callback):
        return
    from airflow.callbacks.callback_requests import DagCallbackRequest, DagRunContext

    yield DagCallbackRequest(
        **_place(callbacks),
        dag_id=callbacks.dag_id,
        run_id=callbacks.run_id,
        is_failure_callback=callbacks.failed,
        context_from_server=DagRunContext.model_validate({"dag_run": callbacks.dag_run, "last_ti": callbacks.ti}),
    )


def _of_task(callbacks: Callbacks, dag: DAG) -> Iterator[CallbackRequest]:
    assert callbacks.ti is not None
    task = dag.get_task(callbacks.ti["task_id"])
    retry = callbacks.kind == "retry"
    context = {"dag_run": callbacks.dag_run, "max_tries": callbacks.max_tries}
    if task.on_retry_callback if retry else task.on_failure_callback:
        from airflow.callbacks.callback_requests import TaskCallbackRequest

        state = "up_for_retry" if retry else "failed"
        yield TaskCallbackRequest.model_validate(
            {**_place(callbacks), "ti": callbacks.ti, "task_callback_type": state, "context_from_server": context}
        )
    if task.email and (task.email_on_retry if retry else task.email_on_failure):
        from airflow.callbacks.callback_requests import EmailRequest

        yield EmailRequest.model_validate(
            {**_place(callbacks), "ti": callbacks.ti, "email_type": callbacks.kind, "context_from_server": context}
        )


def _place(callbacks: Callbacks) -> dict[str, object]:
    return {
        "filepath": callbacks.dag_file,
        "bundle_name": callbacks.bundle,
        "bundle_version": None,
        "msg": callbacks.message,
    }
