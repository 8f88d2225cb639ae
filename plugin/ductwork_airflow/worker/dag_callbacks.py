"""``DUCTWORK_CALLBACK=run``: a run has ended, and the DAG's callbacks are run."""

from __future__ import annotations

import sys

from ductwork.contracts.task_item import TaskItem, tried

from ductwork_airflow.execution_api import Session
from ductwork_airflow.worker.callback_process import run_callbacks
from ductwork_airflow.worker.callback_request import Callbacks
from ductwork_airflow.worker.report_outcome import EXIT_OK, EXIT_UNREPORTED
from ductwork_airflow.worker.termination import Termination
from ductwork_airflow.worker.workload import Workload

# By the run's state what Airflow gives a DAG's callbacks as the reason.
_REASONS = {"success": "success", "failed": "task_failure"}


def run(workload: Workload) -> int:
    """Run ``on_success_callback`` or ``on_failure_callback``, as the state of the run in the ledger says.

    :return: the exit code: 0 whatever the callbacks did; 1 if they were stopped, so that they may be started again
    :raises LedgerError: the run lacks what every run must have
    """
    item = workload.run
    if item.get("state") not in _REASONS:
        print(f"ductwork worker: run {item['run_id']} has not ended: no callbacks", file=sys.stderr)
        return EXIT_OK
    last = _last(workload.ledger.tasks(item["dag_id"], item["run_id"]), item["state"])
    session = Session(
        ledger=workload.ledger,
        run=item,
        task_id=last["task_id"] if last else "",
        map_index=last["map_index"] if last else -1,
        try_number=tried(last),
        max_tries=int(last.get("max_tries", 0)) if last else 0,
    )
    Termination(session, workload.environment.kill_grace).watch()
    reason = str(item.get("reason") or _REASONS[item["state"]])
    code = run_callbacks(Callbacks.of_run(session, last, reason, failed=item["state"] == "failed"), session)
    return EXIT_UNREPORTED if code < 0 else EXIT_OK


def _last(items: list[TaskItem], state: str) -> TaskItem | None:
    """The task instance in the context of a run's callbacks: the last of those that ended in the run's own state."""
    ended_so = (item for item in items if item.get("state") == state)
    return max(ended_so, key=lambda item: str(item.get("ended_at", "")), default=None)
