"""What Airflow would give a run started by hand."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

from airflow.exceptions import AirflowException

from ductwork.diagnostics import Diagnostics, Origin
from ductwork.frontend.compat import manual_interval
from ductwork.frontend.loader import run_file


def manual_data_interval(path: str, dag_id: str, logical_date: datetime) -> tuple[datetime, datetime]:
    """The data interval of a manual run, as the DAG's timetable infers it.

    :param path: the DAG file, known to load
    :return: start and end
    """
    dags, _ = run_file(path)
    dag = next(dag for dag in dags if dag.dag_id == dag_id)
    interval = manual_interval(dag, logical_date)
    return (logical_date, logical_date) if interval is None else (interval.start, interval.end)


def check_conf(path: str, dag_id: str, conf: dict[str, Any], diagnostics: Diagnostics) -> None:
    """Validate a run's conf against the DAG's params, as Airflow does when it creates the run."""
    dags, _ = run_file(path)
    params = copy.deepcopy(next(dag for dag in dags if dag.dag_id == dag_id).params)
    try:
        params.update(conf)
        params.validate()
    except (AirflowException, ValueError, TypeError) as error:
        what = f"--conf does not fit the DAG's params: {str(error).splitlines()[0]}"
        hint = "pass values that the params' schemas allow"
        diagnostics.add("DW501", Origin(path), what, hint, dag_id=dag_id, field="--conf")
