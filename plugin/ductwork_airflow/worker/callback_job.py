"""``DUCTWORK_CALLBACK``: a container that runs no task but callbacks, when nobody else can run them.

=========  =====================================================================================
``task``   a task's last container has died: record its outcome, once, and run what Airflow runs
``run``    the run has ended: run the DAG's callbacks
=========  =====================================================================================

It ends 0 whatever the callbacks did; 1 if it was stopped before they were done, so that it may be started again.
"""

from __future__ import annotations

import sys
from typing import Any

from ductwork_airflow.execution_api import Session
from ductwork_airflow.ledger import Item, Ledger
from ductwork_airflow.worker import callbacks
from ductwork_airflow.worker.environment import WorkerEnvironment
from ductwork_airflow.worker.report import EXIT_OK, EXIT_UNREPORTED
from ductwork_airflow.worker.termination import Termination

_ENDED = frozenset({"success", "failed"})


def run_job(environment: WorkerEnvironment, ledger: Ledger, run: Item) -> int:
    """
    :return: the exit code
    :raises LedgerError: the run lacks what every run must have
    """

    def watch(session: Session) -> None:
        Termination(session, environment.kill_grace).watch()

    if environment.callback == "run":
        if run.get("state") not in _ENDED:
            print(f"ductwork worker: run {environment.run_id} has not ended: no callbacks", file=sys.stderr)
            return EXIT_OK
        return _exit_code(callbacks.run_dag_callbacks(ledger, run, watch=watch))
    item = ledger.task(environment.dag_id, environment.run_id, environment.task_id, environment.map_index) or {}
    facts: dict[str, Any] = (run.get("tasks") or {}).get(environment.task_id) or {}
    session = Session(
        ledger=ledger,
        run=run,
        task_id=environment.task_id,
        map_index=environment.map_index,
        try_number=_dead_try(item),
        max_tries=int(item.get("max_tries", facts.get("max_tries", 0))),
    )
    if not callbacks.fail(session):
        return EXIT_OK
    watch(session)
    return _exit_code(callbacks.run_task_callbacks(session, item, "failure"))


def _dead_try(item: Item) -> int:
    """The container that died was there for the next try, if the one before it had said that there is to be one."""
    tried = int(item.get("try_number", 0))
    return tried + 1 if item.get("state") == "up_for_retry" else max(tried, 1)


def _exit_code(code: int) -> int:
    return EXIT_UNREPORTED if code < 0 else EXIT_OK
