"""Callbacks that no task has run: its container died.

``callbacks_due`` on a task instance's item says that they are to be run for its current state: it is written with the
state and removed when they have run, so a job that is killed in between runs them when it is started again. As in
Airflow they run at least once, and what they do or fail to do changes nobody's state.
"""

from __future__ import annotations

from dataclasses import replace

from ductwork.contracts.task_item import CALLBACKS_DUE, TaskItem, ended, tried

from ductwork_airflow.execution_api import Session
from ductwork_airflow.ledger import now
from ductwork_airflow.worker.callback_process import run_callbacks
from ductwork_airflow.worker.callback_request import Callbacks, Kind

_STATES: dict[Kind, str] = {"retry": "up_for_retry", "failure": "failed"}
_NO_DEFERRAL = {"next_method": None, "trigger": None, "trigger_timeout": None}


def died_with(item: TaskItem, number: int) -> int | None:
    """The number of the try that a dead worker has left without its callbacks, if any.

    :param item: the task instance's; empty if there is none
    :param number: of the try that is about to run
    """
    state = item.get("state")
    died = state in {"running", "deferred"} or (state == "up_for_retry" and CALLBACKS_DUE in item)
    return number - 1 if died and tried(item) == number - 1 else None


def retry(session: Session, number: int) -> None:
    """What Airflow does of a task whose worker died and that is tried again: ``on_retry_callback`` and e-mail.

    :param session: of the coming try; while the callbacks run, it has their process's id
    :param number: of the try that has died
    :raises LedgerError: the run lacks what every run must have
    """
    dead = replace(session, try_number=number)
    item = dead.item() or {}
    if item.get("state") != _STATES["retry"] and not _record(dead, "retry"):
        return
    if not session.stopping:
        run(dead, item, "retry", shown=session)


def fail(session: Session, *, silently: bool = False) -> bool:
    """End a task instance whose last container died. False if it has ended otherwise and has nothing due.

    :param silently: the task has nothing to be called
    """
    item = session.item() or {}
    if not ended(item):
        if _record(session, "failure", due=not silently):
            return not silently
        item = session.item() or {}
    return CALLBACKS_DUE in item


def run(session: Session, item: TaskItem, kind: Kind, *, shown: Session | None = None) -> int:
    """Run a task instance's callbacks, and write down that they have run.

    :param session: of the try that has died
    :param item: as the dead worker left it
    :param shown: learns the process's id, if that is another session
    :return: the exit code of their process; negative: it was killed, and they are still due
    :raises LedgerError: the run lacks what every run must have
    """
    job = f" (Batch job {item['job_id']})" if item.get("job_id") else ""
    message = f"the container of try {session.try_number} ended without reporting a state{job}"
    code = run_callbacks(Callbacks.of_task(session, item, kind, message), session, shown)
    if code >= 0:
        session.amend(**{CALLBACKS_DUE: None})
    return code


def _record(session: Session, kind: Kind, *, due: bool = True) -> bool:
    called = {CALLBACKS_DUE: kind if due else None}
    return session.record(_STATES[kind], ended_at=now(), max_tries=session.max_tries, **called, **_NO_DEFERRAL)
