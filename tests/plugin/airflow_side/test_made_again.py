"""A DAG run that was deleted in Airflow and made again, and a ledger that two Airflows share."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from ductwork_airflow.operators import SubmitScheduleOperator

DAY = datetime(2026, 1, 2, tzinfo=timezone.utc)
MADE = {"stepfunctions": {"role_arn": "arn:aws:iam::123456789012:role/ductwork-local"}, "batch": {}}


@pytest.fixture
def airflow(airflow_side, embedded, monkeypatch, tmp_path):
    """``airflow(target, started, number)``: a try of a task that submits the DAG ``good``; its result."""
    monkeypatch.setenv("AIRFLOW__DUCTWORK__ENDPOINT_URL", embedded)

    def run(target, started, number=1, clears=0, conf=None):
        operator = SubmitScheduleOperator(
            task_id="submit",
            dag_file=f"{airflow_side['AIRFLOW__CORE__DAGS_FOLDER']}/remote.py",
            remote_dag_id="good",
            target=target,
            aws_conn_id=None,
            ledger_table="ductwork",
            deployment={"job_queue": "ductwork-local", "job_definition": "ductwork-worker"},
            deferrable=False,
            **MADE[target],
        )
        place = {"dag_id": "control", "run_id": tmp_path.name, "task_id": "submit", "map_index": -1}
        ti = SimpleNamespace(**place, try_number=number, max_tries=number, xcom_push=lambda **_: None)
        dates = dict.fromkeys(("logical_date", "run_after", "data_interval_start", "data_interval_end"), DAY)
        given = {"folder": str(tmp_path), **(conf or {})}
        dag_run = SimpleNamespace(run_type="scheduled", conf=given, start_date=started, clear_number=clears, **dates)
        return operator.execute({"ti": ti, "dag_run": dag_run})

    return run


@pytest.mark.parametrize("target", MADE)
def test_everything_runs_again(airflow, remote, traces, tmp_path, target):
    first = airflow(target, datetime.now(timezone.utc))
    assert traces() == ["first", "second"]
    again = airflow(target, datetime.now(timezone.utc) + timedelta(seconds=1))
    assert (first["state"], again["state"], again["counts"]) == ("success", "success", {"success": 2})
    assert traces() == ["first", "first", "second", "second"]
    assert remote.tasks("good", tmp_path.name) == {"first": ("success", 2), "second": ("success", 2)}
    assert first.get("execution_arn") != again.get("execution_arn") or target == "batch"


def test_what_is_not_the_same_run_is_refused(airflow, traces):
    began = datetime.now(timezone.utc)
    airflow("batch", began)
    # Another Airflow began it at the same time.
    with pytest.raises(AirflowFailException, match="not started by this DAG run.*ledger_table"):
        airflow("batch", began + timedelta(seconds=0.1))
    # The retry of a worker that was lost finds the run.
    assert airflow("batch", began, number=2)["state"] == "success"
    later = datetime.now(timezone.utc) + timedelta(seconds=1)
    with pytest.raises(AirflowFailException, match="exists already on target 'batch'"):
        airflow("stepfunctions", later)
    with pytest.raises(AirflowFailException, match="ended with other values: conf was .*Choose another run id"):
        airflow("batch", later, conf={"level": "low"})
    assert traces() == ["first", "second"]
