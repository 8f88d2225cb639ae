"""Callbacks and e-mails of a DAG file, run where Airflow's DAG processor would: in a process of their own.

Airflow runs the callbacks of a task that could not run them itself, and those of a DAG run, in the process that parses
DAG files. The functions that do it there are called here, with the requests that Airflow's scheduler would send; what
the callbacks ask of Airflow (connections, variables, XComs) is answered as for a task.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import structlog
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.sdk.api.datamodels._generated import TaskInstance

from ductwork_airflow import compat
from ductwork_airflow.execution_api import Session
from ductwork_airflow.worker.client import ledger_client, task_instance
from ductwork_airflow.worker.helper import HelperProcess

Kind = Literal["retry", "failure", "run"]


@dataclass(frozen=True)
class Ask:
    """Which callbacks to run, and what of their context only the ledger knows.

    :param ti: a task instance in the execution API's shape; None for a run none of whose tasks ended so
    :param dag_run: the run in the execution API's shape
    :param message: why, for e-mails; for a run's callbacks the ``reason`` in their context
    :param failed: whether the run failed, for ``kind`` "run"
    """

    kind: Kind
    dag_id: str
    run_id: str
    bundle: str
    dag_file: str
    ti: Mapping[str, Any] | None
    dag_run: Mapping[str, Any]
    message: str
    max_tries: int = 0
    failed: bool = True


class CallbackProcess(HelperProcess):
    def _send_heartbeat_if_needed(self) -> None:
        """The task instance is nobody's now. The supervisor only has to believe that it has sent one."""
        self._last_successful_heartbeat = time.monotonic()


def run_callbacks(ask: Ask, session: Session, shown: Session | None = None) -> int:
    """Run what ``ask`` names; nothing happens if the DAG has no such callbacks.

    :param session: the task instance as which the callbacks speak to Airflow
    :param shown: learns the process's id, if that is another session
    :return: the process's exit code: negative if it was killed, positive if the DAG could not be loaded
    """
    shown = shown or session
    process = CallbackProcess.start(
        what=TaskInstance(**ask.ti) if ask.ti else task_instance(session),
        dag_rel_path="",
        bundle_info=None,
        client=ledger_client(session),
        session=shown,
        target=partial(_main, ask),
    )
    try:
        return int(process.wait())
    finally:
        shown.pid = None


# ---- in the process ----


def _main(ask: Ask) -> None:
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "client"
    compat.bind_supervisor_comms()
    log = structlog.get_logger(logger_name="task")
    bundle = DagBundlesManager().get_bundle(ask.bundle)
    bundle.initialize()
    bag = compat.load_dags(bundle, ask.bundle, ask.dag_file)
    dag = bag.dags.get(ask.dag_id)
    if dag is None or (ask.ti and ask.kind != "run" and ask.ti["task_id"] not in dag.task_dict):
        log.error("Callbacks are lost: the DAG or the task is not in the file", dag_file=ask.dag_file)
        sys.exit(1)
    for request in _of_run(ask, dag) if ask.kind == "run" else _of_task(ask, dag):
        from airflow.dag_processing import processor

        processor._execute_callbacks(bag, [request], log)


def _of_run(ask: Ask, dag: Any) -> Iterator[Any]:
    if not (dag.on_failure_callback if ask.failed else dag.on_success_callback):
        return
    from airflow.callbacks.callback_requests import DagCallbackRequest, DagRunContext

    yield DagCallbackRequest(
        **_place(ask),
        dag_id=ask.dag_id,
        run_id=ask.run_id,
        is_failure_callback=ask.failed,
        context_from_server=DagRunContext.model_validate({"dag_run": ask.dag_run, "last_ti": ask.ti}),
    )


def _of_task(ask: Ask, dag: Any) -> Iterator[Any]:
    assert ask.ti is not None
    task = dag.get_task(ask.ti["task_id"])
    retry = ask.kind == "retry"
    context = {"dag_run": ask.dag_run, "max_tries": ask.max_tries}
    if task.on_retry_callback if retry else task.on_failure_callback:
        from airflow.callbacks.callback_requests import TaskCallbackRequest

        state = "up_for_retry" if retry else "failed"
        yield TaskCallbackRequest.model_validate(
            {**_place(ask), "ti": ask.ti, "task_callback_type": state, "context_from_server": context}
        )
    if task.email and (task.email_on_retry if retry else task.email_on_failure):
        from airflow.callbacks.callback_requests import EmailRequest

        yield EmailRequest.model_validate(
            {**_place(ask), "ti": ask.ti, "email_type": ask.kind, "context_from_server": context}
        )


def _place(ask: Ask) -> dict[str, Any]:
    return {"filepath": ask.dag_file, "bundle_name": ask.bundle, "bundle_version": None, "msg": ask.message}
