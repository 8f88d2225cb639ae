"""Runs one task instance in this container: Airflow's own task supervisor over the ledger.

``python -m ductwork_airflow.worker``; its environment says what to run (:mod:`.environment`), and in which mode
(``MODES`` in :mod:`.work`). A task instance (:mod:`.task_instance`) goes one way:

1. :mod:`.try_number` decides from the ledger which try this is, or that the task has ended already;
2. :mod:`.dead_task` ends it if the container of its last try has died;
3. in a job chain, :mod:`.divert_task` ends it if its trigger rule does not let it run;
4. :mod:`.run_try` runs it under Airflow's supervisor, whose API is :mod:`ductwork_airflow.execution_api`: a process for
   the task (:mod:`.task_process`), one for its trigger if it defers (:mod:`.run_trigger`); :mod:`.termination` handles
   SIGTERM, and :mod:`.record_outcome` writes what the process has not written;
5. :mod:`.report_outcome` tells Step Functions the outcome, or the exit code tells Batch.

With ``DUCTWORK_JOIN`` it has nothing to do: its job gathers more jobs than another may depend on.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping

from ductwork.contracts.worker_variables import JOIN_VARIABLE
from ductwork.frame_stack import roomy
from ductwork.startup import airflow_imports

from ductwork_airflow.worker.environment import InvalidEnvironment, WorkerEnvironment
from ductwork_airflow.worker.report_outcome import EXIT_FAILED, EXIT_OK, EXIT_RETRY, EXIT_SUPERSEDED, EXIT_USAGE

__all__ = ["EXIT_FAILED", "EXIT_OK", "EXIT_RETRY", "EXIT_SUPERSEDED", "EXIT_USAGE", "main", "preload"]

# What a DAG file, or Airflow on reading it, imports nearly always; some of them only once a name is looked up.
_IN_MOST_DAG_FILES = (
    "airflow.dag_processing.bundles.local",
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.operators.bash",
    "airflow.providers.standard.operators.empty",
    "airflow.sdk.definitions.asset.metadata",
    "airflow.sdk.definitions.connection",
    "airflow.sdk.definitions.decorators",
    "airflow.timetables.events",
    "airflow.timetables.interval",
    "airflow.timetables.trigger",
    "airflow.version",
    "ductwork_airflow.delegate",
    "ductwork_airflow.plugin",
    "encodings.idna",
    "jinja2.ext",
    "setproctitle",
)

_NO_REGION = (
    "no AWS Region is known: the job has neither AWS_DEFAULT_REGION nor DUCTWORK_REGION, and AWS Batch tells "
    "containers none; compile the DAG again, or set AWS_DEFAULT_REGION in the environment of the job definition"
)
_NO_CREDENTIALS = "no AWS credentials are known: give the job definition a job role (jobRoleArn)"


@roomy
def preload() -> None:
    """Import what a worker needs of Airflow (seconds), so that processes forked from this one start at once."""
    with airflow_imports():
        import airflow.models.trigger
        import airflow.sdk
        import airflow.sdk.execution_time.supervisor
        import airflow.sdk.execution_time.task_runner  # noqa: F401

        from ductwork_airflow import compat
        from ductwork_airflow.aws import clients
        from ductwork_airflow.worker import work  # noqa: F401

        compat.dag_bag()
        compat.share_decoders()
        for module in _IN_MOST_DAG_FILES:
            importlib.import_module(module)
        clients.warm_up("dynamodb", "stepfunctions")


@roomy
def main(environ: Mapping[str, str] | None = None) -> int:
    """Run one task instance; the process's exit code.

    :param environ: where to find the variables that name the task; Airflow and boto3 always read ``os.environ``
    """
    given = os.environ if environ is None else environ
    if given.get(JOIN_VARIABLE):
        return EXIT_OK
    try:
        environment = WorkerEnvironment.parse(given)
    except InvalidEnvironment as error:
        print(f"ductwork worker: {error}", file=sys.stderr)
        return EXIT_USAGE
    with airflow_imports():
        from botocore.exceptions import NoCredentialsError, NoRegionError

        from ductwork_airflow.worker.work import work

    try:
        return work(environment)
    except NoRegionError:
        print(f"ductwork worker: {_NO_REGION}", file=sys.stderr)
    except NoCredentialsError:
        print(f"ductwork worker: {_NO_CREDENTIALS}", file=sys.stderr)
    return EXIT_USAGE
