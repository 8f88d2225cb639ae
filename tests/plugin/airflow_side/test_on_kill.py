"""The operator's process is told to end: what becomes of the run depends on what Airflow wants of the task."""

from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time import task_runner
from ductwork_airflow.airflow_side.attachments import Attachments, key_of
from ductwork_airflow.operators import SubmitScheduleOperator
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle

KILLS = [
    ("failed", True, "failed"),  # marked by a user
    ("success", True, "failed"),
    ("running", True, "failed"),  # a timeout, or the worker is shut down
    ("running", False, None),
    (None, True, None),  # cleared, or taken for lost when the scheduler was
    ("scheduled", True, None),
    ("queued", True, None),
]


@pytest.mark.parametrize(("state", "cancel_on_kill", "ends"), KILLS)
def test_on_kill_leaves_the_run_to_a_next_try(
    airflow_side, embedded, aws, remote, monkeypatch, tmp_path, state, cancel_on_kill, ends
):
    monkeypatch.setenv("AIRFLOW__DUCTWORK__ENDPOINT_URL", embedded)
    answer = SimpleNamespace(task_states={"r1": {"submit": state}})
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=lambda message: answer), raising=False)
    operator = SubmitScheduleOperator(
        task_id="submit",
        dag_file=f"{airflow_side['AIRFLOW__CORE__DAGS_FOLDER']}/remote.py",
        remote_dag_id="long",
        target="batch",
        aws_conn_id=None,
        ledger_table="ductwork",
        deployment={"job_queue": "ductwork-local", "job_definition": "ductwork-worker"},
        remote_run_id=tmp_path.name,
        wait_for_completion=False,
        cancel_on_kill=cancel_on_kill,
    )
    ti = SimpleNamespace(
        dag_id="control",
        run_id="r1",
        task_id="submit",
        map_index=-1,
        try_number=1,
        max_tries=0,
        xcom_push=lambda **_: None,
    )
    moment = datetime.now(timezone.utc)
    dates = dict.fromkeys(("logical_date", "run_after", "data_interval_start", "data_interval_end"), moment)
    dag_run = SimpleNamespace(run_type="manual", conf={"folder": str(tmp_path)}, **dates)
    operator.execute({"ti": ti, "dag_run": dag_run})
    handle = RunHandle("long", tmp_path.name, "batch", "ductwork")
    operator.on_kill()
    run = remote.ledger.run("long", tmp_path.name)
    assert (run["state"] if "ended_at" in run else None) == ends
    assert Attachments(remote.ledger, key_of(ti)).read().killed is (ends is not None)
    lifecycle.watcher(aws, handle).stop("the test is over")
