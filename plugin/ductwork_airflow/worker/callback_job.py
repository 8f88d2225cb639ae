"""``DUCTWORK_CALLBACK``: a container that runs no task but callbacks, when nobody else can run them.

==========  ====================================================================================
``task``    a task's last container has died: record its outcome, once, and run what Airflow runs
``record``  the same for a task that has no callbacks and sends no e-mails: the outcome alone
``run``     the run has ended: run the DAG's callbacks
==========  ====================================================================================

``task`` and ``record`` look at one task instance, or with ``DUCTWORK_MAP_SIZE`` and no map index at all of a mapped
task: those that have not ended are recorded first, so that they are counted whatever their callbacks do.

It ends 0 whatever the callbacks did; 1 if it was stopped before they were done, so that it may be started again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from ductwork.ledger_schema import TERMINAL_STATES, UNMAPPED

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
    silently = environment.callback == "record"
    due = [
        (session, item)
        for session, item in _instances(environment, ledger, run)
        if callbacks.fail(session, silently=silently)
    ]
    if not due:
        return EXIT_OK
    stopped = due[0][0]
    watch(stopped)
    for session, item in due:
        if stopped.stopping or callbacks.run_task_callbacks(session, item, "failure", shown=stopped) < 0:
            return EXIT_UNREPORTED
    return EXIT_OK


def _instances(environment: WorkerEnvironment, ledger: Ledger, run: Item) -> Iterator[tuple[Session, Item]]:
    """The task instances to look at, each with its item as its last worker has left it."""
    names = (environment.dag_id, environment.run_id, environment.task_id)
    if environment.map_index != UNMAPPED or environment.map_size is None:
        item = ledger.task(*names, environment.map_index) or {}
        yield _session(environment, ledger, run, environment.map_index, item), item
        return
    known = {item["map_index"]: item for item in ledger.instances(*names)}
    for index in range(environment.map_size):
        item = known.get(index, {})
        if item.get("state") not in TERMINAL_STATES or callbacks.DUE in item:
            yield _session(environment, ledger, run, index, item), item


def _session(environment: WorkerEnvironment, ledger: Ledger, run: Item, index: int, item: Item) -> Session:
    facts: dict[str, Any] = (run.get("tasks") or {}).get(environment.task_id) or {}
    return Session(
        ledger=ledger,
        run=run,
        task_id=environment.task_id,
        map_index=index,
        try_number=environment.try_number or _dead_try(item),
        max_tries=int(item.get("max_tries", facts.get("max_tries", 0))),
        map_size=environment.map_size,
    )


def _dead_try(item: Item) -> int:
    """The container that died was there for the next try, if the one before it had said that there is to be one."""
    tried = int(item.get("try_number", 0))
    return tried + 1 if item.get("state") == "up_for_retry" else max(tried, 1)


def _exit_code(code: int) -> int:
    return EXIT_UNREPORTED if code < 0 else EXIT_OK
