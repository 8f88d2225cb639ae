"""Runs on AWS, whatever the target: submit, watch, restart. Operator, trigger and command line use these calls.

Everything here may be called again after any failure, from any process, and goes on where the last call stopped.
"""

from __future__ import annotations

from ductwork.contracts.run_item import RunItem

from ductwork_airflow.aws.clients import Clients
from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.run_model.connection import Connection
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs.read_run import read_run, same_target
from ductwork_airflow.runs.restart import restart
from ductwork_airflow.runs.start import deploy, submit, with_dates_of_existing_run
from ductwork_airflow.runs.watcher import RunWatcher

__all__ = [
    "RunHandle",
    "SubmissionError",
    "deploy",
    "find",
    "outcome_error",
    "restart",
    "submit",
    "watcher",
    "with_dates_of_existing_run",
]


watcher = RunWatcher
"""What keeps the ledger true to AWS while the run goes on."""


def find(clients: Clients, handle: RunHandle, *, patience: float = 900.0) -> RunItem | None:
    """A run's item in the ledger after a look at AWS, if its end is not known yet; None if there is no such run.

    :param patience: as for :class:`~ductwork_airflow.runs.watcher.RunWatcher`
    :raises SubmissionError: the run is on another target, or the ledger's table does not exist
    """
    ledger = Connection(clients, handle.ledger_table).ledger
    run = read_run(ledger, handle.dag_id, handle.run_id)
    if run is not None:
        same_target(run, handle.target)
    if run is None or "ended_at" in run:
        return run
    RunWatcher(clients, handle.following(run), patience=patience).poll()
    return ledger.run(handle.dag_id, handle.run_id)


def outcome_error(clients: Clients, handle: RunHandle) -> str:
    """Why a run failed: the run's own error, then the failed tasks' errors, a line each."""
    ledger = Connection(clients, handle.ledger_table).ledger
    run = read_run(ledger, handle.dag_id, handle.run_id) or {}
    failed = [item for item in ledger.tasks(handle.dag_id, handle.run_id) if item.get("state") == "failed"]
    lines = [run["error"]] if run.get("error") else []
    for item in sorted(failed, key=lambda item: item.get("ended_at", "")):
        name = item["task_id"] if item["map_index"] < 0 else f"{item['task_id']}[{item['map_index']}]"
        lines.append(f"{name}: {item.get('error') or 'it failed without a message'}")
    return "\n".join(lines)
