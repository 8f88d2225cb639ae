"""The DAG files in the container: the image's, or those in S3 that the schedule was compiled from.

Which they are is in the environment of the job, and so in the definition that an execution was started with, or in the
chain that was submitted: whatever is deployed meanwhile, all tasks of it have the same files.
"""

from __future__ import annotations

from collections.abc import MutableMapping

from ductwork_airflow.dag_code import bundle
from ductwork_airflow.execution_api.dag_runs import DEFAULT_BUNDLE
from ductwork_airflow.worker.environment import WorkerEnvironment


def configure(environ: MutableMapping[str, str], environment: WorkerEnvironment) -> None:
    """Have Airflow take the DAG files from S3, if the job says so."""
    if environment.dag_code:
        bundle.configure(environ, DEFAULT_BUNDLE, environment.dag_code, environment.region)


def fetch(environment: WorkerEnvironment) -> None:
    """Fetch the DAG files, so that the processes of a task find them.

    :raises DagCodeError: they cannot be fetched
    """
    if environment.dag_code:
        bundle.fetch_for(DEFAULT_BUNDLE, environment.dag_code, environment.region)
