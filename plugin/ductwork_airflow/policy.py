"""Delegation without touching DAG files: Airflow's ``dag_policy``, by the entry point group ``airflow.policy``.

Which DAGs: those tagged ``[ductwork] delegate_tag`` (default ``ductwork``), and those whose id matches one of the
patterns of ``[ductwork] delegate_dags`` (``*`` and ``?`` as in a shell, separated by commas).
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from airflow.exceptions import AirflowClusterPolicyViolation
from airflow.policies import hookimpl
from ductwork.contracts.container_job import CONTAINER_VARIABLE
from ductwork.contracts.worker_variables import DAG_ID_VARIABLE

from ductwork_airflow.compat import is_dag_processor

if TYPE_CHECKING:
    from airflow.sdk import DAG

DEFAULT_TAG = "ductwork"


@hookimpl  # type: ignore[untyped-decorator]
def dag_policy(dag: object) -> None:
    """Make a chosen DAG its twin. A DAG that cannot be one is an import error in Airflow, with the reason."""
    from ductwork_airflow.delegate import delegate, original_wanted

    if original_wanted():
        _take_over_container(dag)
        return
    if chosen(dag):
        delegate(dag)
    elif is_dag_processor():
        _check_submitted(dag)


def _take_over_container(dag: DAG) -> None:
    """In a worker that is to submit the container of a task: put that in the place of what its operator does."""
    if CONTAINER_VARIABLE in os.environ and dag.dag_id == os.environ.get(DAG_ID_VARIABLE):
        from ductwork_airflow.worker import container_task

        container_task.take_over(dag, os.environ)


def _check_submitted(dag: DAG) -> None:
    """Compile what the DAG's SubmitScheduleOperators submit, as far as the DAG file says what that is.

    :raises AirflowClusterPolicyViolation: it does not compile; the diagnostics say why
    """
    for task in dag.tasks:
        if task.task_type == "SubmitScheduleOperator" and not task.is_mapped:
            try:
                task.check_source()
            except ValueError as error:
                raise AirflowClusterPolicyViolation(f"task {task.task_id!r} of DAG {dag.dag_id!r}: {error}") from None


def chosen(dag: DAG) -> bool:
    """Whether the configuration wants this DAG delegated. DAGs that submit others are left as they are."""
    from airflow.configuration import conf

    tag = conf.get("ductwork", "delegate_tag", fallback=DEFAULT_TAG)
    patterns = conf.get("ductwork", "delegate_dags", fallback="") or ""
    named = any(fnmatchcase(dag.dag_id, pattern.strip()) for pattern in patterns.split(",") if pattern.strip())
    return (named or tag in dag.tags) and not any(task.task_type == "SubmitScheduleOperator" for task in dag.tasks)
