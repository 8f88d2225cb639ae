"""One worker's life: ``DUCTWORK_CALLBACK`` names its mode, and each mode is a function.

==========  ==================================================================================
none        run a task instance
``task``    a task's last container has died: record its outcome, once, and run what Airflow runs
``record``  the same for a task that has no callbacks and sends no e-mails: the outcome alone
``run``     the run has ended: run the DAG's callbacks
``settle``  find out how a run ended whose jobs a state machine has submitted as a chain
==========  ==================================================================================
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.ledger import LedgerError
from ductwork_airflow.worker import dag_callbacks, dead_task, drift, files, finish_run, logs, task_instance
from ductwork_airflow.worker.environment import TOKEN_VARIABLE, WorkerEnvironment
from ductwork_airflow.worker.report_outcome import EXIT_UNREPORTED, report
from ductwork_airflow.worker.try_result import TryResult
from ductwork_airflow.worker.workload import Workload

MODES: Mapping[str | None, Callable[[Workload], int]] = {
    None: task_instance.run,
    "task": dead_task.call_back,
    "record": dead_task.record,
    "run": dag_callbacks.run,
    "settle": finish_run.finish_run,
}


def work(environment: WorkerEnvironment) -> int:
    """Do what the environment's mode says.

    :return: the process's exit code
    """
    drift.start_once(os.environ)
    files.configure(os.environ, environment)
    os.environ.pop(TOKEN_VARIABLE, None)  # the task's own code has no business with it
    log, aws = logs.configure(), Aws(environment.region)
    try:
        return MODES[environment.callback](Workload.load(environment, aws, log))
    except LedgerError as error:
        print(f"ductwork worker: {error}", file=sys.stderr)
        if environment.callback:
            return EXIT_UNREPORTED
        # Not in the ledger, so whoever looks there must not start.
        result = TryResult("failed", error=str(error))
        return report(result, environment.token, lambda: aws.client("stepfunctions"))
