"""``DUCTWORK_CALLBACK=settle``: the end of a run whose jobs a state machine has submitted as a chain.

The jobs have ended, or are to be ended, and something has failed. What became of each task, and so of the run, only AWS
Batch, the rules and the ledger together tell: what a mirror finds out, if there is one. Here a container is it.
"""

from __future__ import annotations

import sys
import time

from botocore.exceptions import BotoCoreError, ClientError

from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs.watcher import RunWatcher
from ductwork_airflow.worker.report_outcome import EXIT_OK, EXIT_UNREPORTED
from ductwork_airflow.worker.workload import Workload

_NEEDED = "batch:DescribeJobs, ListJobs and TerminateJob, states:DescribeExecution and GetExecutionHistory"


def finish_run(workload: Workload) -> int:
    """Look at a run until it has ended. The limit to that is the job's own.

    :return: the exit code
    """
    run, table = workload.run, workload.environment.table
    handle = RunHandle(run["dag_id"], run["run_id"], "stepfunctions", table, run.get("execution_arn"))
    watcher = RunWatcher(workload.aws, handle)
    try:
        while not (progress := watcher.poll()).ended:
            time.sleep(progress.wait)
    except (ClientError, BotoCoreError) as error:
        print(f"ductwork worker: the run cannot be settled; the job's role needs {_NEEDED}: {error}", file=sys.stderr)
        return EXIT_UNREPORTED
    print(f"ductwork worker: run {handle.run_id} of {handle.dag_id} ended: {progress.state}")
    return EXIT_OK
