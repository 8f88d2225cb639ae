"""Callbacks that no task has run: its container died. And those of a whole run.

``callbacks_due`` on a task instance's item says that they are to be run for its current state: it is written with the
state and removed when they have run, so a job that is killed in between runs them when it is started again. As in
Airflow they run at least once, and what they do or fail to do changes nobody's state.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ductwork.ledger_schema import TERMINAL_STATES

from ductwork_airflow.execution_api import Session, dag_runs
from ductwork_airflow.execution_api.session import required
from ductwork_airflow.ledger import Item, Ledger, now
from ductwork_airflow.worker.callback_process import Ask, Kind, run_callbacks

DUE = "callbacks_due"

_STATES: dict[Kind, str] = {"retry": "up_for_retry", "failure": "failed"}
_WENT_ON = {"next_method": None, "trigger": None, "trigger_timeout": None}

# What Airflow gives a DAG's callbacks as the reason.
_REASONS = {"success": "success", "failed": "task_failure"}


def died_with(item: Item | None, number: int) -> int | None:
    """The try that a dead worker has left without its callbacks, if any.

    :param number: of the try that is about to run
    """
    if item is None or int(item.get("try_number", 0)) != number - 1:
        return None
    died = item["state"] in {"running", "deferred"} or (item["state"] == "up_for_retry" and DUE in item)
    return number - 1 if died else None


def retry(session: Session, number: int) -> None:
    """What Airflow does of a task whose worker died and that is tried again: ``on_retry_callback`` and e-mail.

    :param session: of the coming try; while the callbacks run, it has their process's id
    :param number: of the try that has died
    """
    dead = replace(session, try_number=number)
    item = dead.item() or {}
    if item.get("state") != _STATES["retry"] and not _record(dead, "retry"):
        return
    if not session.stopping:
        run_task_callbacks(dead, item, "retry", shown=session)


def fail(session: Session, *, silently: bool = False) -> bool:
    """End a task instance whose last container died. False if it has ended otherwise and has nothing due.

    :param silently: the task has nothing to be called
    """
    item = session.item()
    if item is None or item.get("state") not in TERMINAL_STATES:
        if _record(session, "failure", due=not silently):
            return not silently
        item = session.item() or {}
    return DUE in item


def run_task_callbacks(session: Session, item: Item, kind: Kind, *, shown: Session | None = None) -> int:
    """
    :param item: as the dead worker left it
    :return: the exit code of their process; negative: it was killed, and they are still due
    """
    job = f" (Batch job {item['job_id']})" if item.get("job_id") else ""
    message = f"the container of try {session.try_number} ended without reporting a state{job}"
    code = run_callbacks(
        Ask(
            kind=kind,
            **_place(session.run),
            ti=_instance(session, item),
            message=message,
            max_tries=session.max_tries,
        ),
        session,
        shown,
    )
    if code >= 0:
        session.amend(**{DUE: None})
    return code


def run_dag_callbacks(ledger: Ledger, run: Item, *, watch: Any) -> int:
    """Run a DAG's ``on_success_callback`` or ``on_failure_callback``, as the state of the run in the ledger says.

    :param watch: called with the session whose ``pid`` will be the process's
    :return: the exit code of their process
    """
    state = str(run["state"])
    last = _last(ledger.tasks(run["dag_id"], run["run_id"]), state)
    session = Session(
        ledger=ledger,
        run=run,
        task_id=last["task_id"] if last else "",
        map_index=last["map_index"] if last else -1,
        try_number=int(last.get("try_number", 0)) if last else 0,
        max_tries=int(last.get("max_tries", 0)) if last else 0,
    )
    watch(session)
    ask = Ask(
        kind="run",
        **_place(run),
        ti=_instance(session, last) if last else None,
        message=str(run.get("reason") or _REASONS[state]),
        failed=state == "failed",
    )
    return run_callbacks(ask, session)


def _last(items: list[Item], state: str) -> Item | None:
    """The task instance that a run's callbacks are told of: the last of those that ended in the run's own state."""
    found = [item for item in items if item.get("state") == state]
    return max(found, key=lambda item: str(item.get("ended_at", "")), default=None)


def _record(session: Session, kind: Kind, *, due: bool = True) -> bool:
    called = {DUE: kind if due else None}
    return session.record(_STATES[kind], ended_at=now(), max_tries=session.max_tries, **called, **_WENT_ON)


def _place(run: Item) -> dict[str, Any]:
    return {
        "dag_id": run["dag_id"],
        "run_id": run["run_id"],
        "bundle": dag_runs.bundle(run),
        "dag_file": required(run, "dag_file"),
        "dag_run": dag_runs.document(run),
    }


def _instance(session: Session, item: Item) -> dict[str, Any]:
    """In the shape of Airflow's ``TaskInstance`` model."""
    return {
        "id": session.ti_id,
        "task_id": session.task_id,
        "dag_id": session.dag_id,
        "run_id": session.run_id,
        "try_number": session.try_number,
        "map_index": session.map_index,
        "dag_version_id": session.dag_version_id,
        "hostname": item.get("hostname"),
    }
