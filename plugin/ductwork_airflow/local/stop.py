"""``ductwork cancel --local``: the process that carries a run out is told to stop it, as Ctrl-C there would."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from ductwork.contracts.run_item import RunItem

from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local import origins
from ductwork_airflow.local.history import open_ledger
from ductwork_airflow.local.run import home, state_file
from ductwork_airflow.mirror import end_tasks

DEAD = "the process that carried the run out has died"
_LOOK_SECONDS = 0.2


def stop(dag_id: str, run_id: str, table: str, reason: str, seconds: float) -> RunItem | None:
    """Stop a local run. Its item afterwards; None if the ledger has no such run.

    The process that carries it out ends its jobs and marks it failed. Where that process has died, what was running is
    failed here.

    :param reason: why, for what is marked here
    :param seconds: how long to wait for that process; a run that has not ended then is still stopping
    """
    deadline = time.monotonic() + seconds
    told = None
    while time.monotonic() < deadline and (process := origins.runner(home(), dag_id, run_id)) is not None:
        if process and process != told:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
            told = process
        time.sleep(_LOOK_SECONDS)
    with (
        origins.exclusive(home(), dag_id, run_id) as free,
        open_ledger(state_file(), table, keep=free) as ledger,
    ):
        if free:
            _end_if_dead(ledger, dag_id, run_id, reason)
        return ledger.run(dag_id, run_id)


def _end_if_dead(ledger: Ledger, dag_id: str, run_id: str, reason: str) -> None:
    run = ledger.run(dag_id, run_id)
    if run is not None and "ended_at" not in run:
        end_tasks.end_all(ledger, run, ledger.tasks(dag_id, run_id), f"{reason}: {DEAD}")
