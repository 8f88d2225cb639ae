"""What Airflow would give a run started by hand."""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Mapping
from datetime import datetime

from airflow.exceptions import AirflowException
from airflow.sdk import DAG

from ductwork.diagnostics import Diagnostics, Origin, guard
from ductwork.frontend.compat import gives_partition_keys, manual_interval, partition_date
from ductwork.frontend.folder import dag_files
from ductwork.frontend.processing import run_file

_KEY_LENGTH = 250  # as in Airflow's database


class ManualRuns:
    """Manual runs of the DAGs of a file, or of a folder. It is read once, when something is first asked of a DAG.

    :param path: the DAG file, or the folder, known to load
    """

    def __init__(self, path: str) -> None:
        self._path = path

    @functools.cached_property
    def _dags(self) -> Mapping[str, DAG]:
        if not os.path.isdir(self._path):
            return {dag.dag_id: dag for dag in run_file(self._path).dags}
        files = dag_files(self._path, Diagnostics())
        return {dag.dag_id: dag for file in files for dag in run_file(file, self._path).dags}

    def data_interval(self, dag_id: str, logical_date: datetime, diagnostics: Diagnostics) -> tuple[datetime, datetime]:
        """The data interval of a run, as the DAG's timetable infers it: start and end, aware."""
        interval = None
        doing = "when the timetable is asked for a run's data interval"
        with guard.reported(Origin(self._path), diagnostics, doing, dag_id=dag_id, field="schedule"):
            interval = manual_interval(self._dags[dag_id], logical_date)
        return (logical_date, logical_date) if interval is None else (interval.start, interval.end)

    def check_conf(self, dag_id: str, conf: Mapping[str, object], diagnostics: Diagnostics) -> None:
        """Validate a run's conf against the DAG's params, as Airflow does when it creates the run."""
        origin = Origin(self._path)
        with guard.reported(origin, diagnostics, "when params are validated", dag_id=dag_id, field="params"):
            params = copy.deepcopy(self._dags[dag_id].params)
            try:
                params.update(conf)
                params.validate()
            except (AirflowException, ValueError, TypeError) as error:
                what = f"--conf does not fit the DAG's params: {str(error).splitlines()[0]}"
                hint = "pass values that the params' schemas allow"
                diagnostics.add("DW501", origin, what, hint, dag_id=dag_id, field="--conf")

    def check_partition_key(self, dag_id: str, key: str, diagnostics: Diagnostics) -> datetime | None:
        """Validate a run's partition key, as Airflow does when it creates the run.

        :return: the moment that the key stands for, if its timetable knows one
        """
        origin, doing = Origin(self._path), "when the timetable is asked for a partition's date"
        with guard.reported(origin, diagnostics, doing, dag_id=dag_id, field="schedule"):
            dag = self._dags[dag_id]
            try:
                if gives_partition_keys(dag) is None:
                    raise ValueError("the DAG is not partitioned")
                if not key.strip() or len(key) > _KEY_LENGTH:
                    raise ValueError(f"a key has 1 to {_KEY_LENGTH} characters, not {len(key.strip())}")
                return partition_date(dag, key)
            except ValueError as error:
                what = f"{key[:80]!r} is no partition key of this DAG: {str(error).splitlines()[0]}"
                hint = "leave --partition-key out, or write it as the timetable's key_format says"
                diagnostics.add("DW329", origin, what, hint, dag_id=dag_id, field="--partition-key")
        return None
