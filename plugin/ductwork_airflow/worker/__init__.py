"""Runs one task instance in this container: Airflow's own task supervisor over the ledger.

``python -m ductwork_airflow.worker``, told by its environment what to run (:mod:`.environment`):

1. :mod:`.attempts` decides from the ledger which try this is, or that the task has ended already;
2. in a job chain, :mod:`ductwork_airflow.gate` decides whether the task runs at all;
3. :mod:`.runner` runs it under Airflow's supervisor, whose API is :mod:`ductwork_airflow.execution_api`;
   :mod:`.deferral` runs the trigger of a deferred task, :mod:`.termination` handles SIGTERM;
4. :mod:`.report` tells Step Functions the outcome, or the exit code tells Batch.

With ``DUCTWORK_JOIN`` it has nothing to do: its job gathers more jobs than another may depend on. With
``DUCTWORK_CALLBACK`` it runs callbacks that nobody else can run (:mod:`.callback_job`), or finds out how a run ended
(:mod:`.settling`).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping

from ductwork_airflow.worker.environment import JOIN_VARIABLE, InvalidEnvironment, WorkerEnvironment
from ductwork_airflow.worker.report import EXIT_FAILED, EXIT_OK, EXIT_RETRY, EXIT_SUPERSEDED, EXIT_USAGE

__all__ = ["EXIT_FAILED", "EXIT_OK", "EXIT_RETRY", "EXIT_SUPERSEDED", "EXIT_USAGE", "main", "preload"]

# What a DAG file, or Airflow on reading it, imports nearly always; some of them only once a name is looked up.
_IN_MOST_DAG_FILES = (
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.operators.bash",
    "airflow.providers.standard.operators.empty",
    "airflow.sdk.definitions.decorators",
    "airflow.timetables.events",
    "airflow.timetables.interval",
    "airflow.timetables.trigger",
    "ductwork_airflow.plugin",
    "jinja2.ext",
    "setproctitle",
)


def preload() -> None:
    """Import what a worker needs of Airflow (seconds), so that processes forked from this one start at once."""
    import airflow.models.trigger
    import airflow.sdk
    import airflow.sdk.execution_time.supervisor
    import airflow.sdk.execution_time.task_runner  # noqa: F401

    from ductwork_airflow import aws, compat
    from ductwork_airflow.worker import work  # noqa: F401

    compat.dag_bag()
    for module in _IN_MOST_DAG_FILES:
        importlib.import_module(module)
    aws.warm_up("dynamodb", "stepfunctions")


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
    from ductwork_airflow.worker.work import work

    return work(environment)
