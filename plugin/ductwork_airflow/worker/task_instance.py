"""The task instance that a worker is started for: what becomes of it, and who learns it."""

from __future__ import annotations

from ductwork_airflow.execution_api import event_bus
from ductwork_airflow.worker import fail_fast
from ductwork_airflow.worker.dead_task import buried
from ductwork_airflow.worker.divert_task import diverted
from ductwork_airflow.worker.report_outcome import report
from ductwork_airflow.worker.run_try import run_try
from ductwork_airflow.worker.try_number import next_try
from ductwork_airflow.worker.try_result import TryResult
from ductwork_airflow.worker.workload import Workload


def run(workload: Workload) -> int:
    """Run the task instance unless it has ended or must not run, and report how it ended.

    :return: the exit code
    :raises LedgerError: the run lacks what every run must have
    """
    result = _result(workload)
    if result.state == "failed":
        fail_fast.stop_the_rest(workload.ledger, workload.run, workload.environment.task_id)
    return report(
        result,
        workload.environment.token,
        lambda: workload.aws.client("stepfunctions"),
        stops=bool(workload.facts.get("stops")),
        quiet=bool(workload.facts.get("quiet")),
        skip_fails=workload.environment.skip_fails,
    )


def _result(workload: Workload) -> TryResult:
    item = workload.item()
    number = next_try(item, workload.environment.job_id, workload.environment.job_attempt)
    if number is None:
        # Its worker may have died before it had sent its events, or reported it.
        event_bus.flush(workload.event_bus, item.get(event_bus.DUE), workload.amend)
        return TryResult.of(item)
    return buried(workload, item, number) or diverted(workload, item) or run_try(workload, item, number)
