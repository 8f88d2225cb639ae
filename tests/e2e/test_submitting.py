"""SubmitScheduleOperator in a real Airflow."""

from __future__ import annotations

import pytest

TARGETS = ("stepfunctions", "batch")


@pytest.mark.parametrize("target", TARGETS)
def test_success(airflow, target):
    dag_id = f"submits_good_{target}"
    run_id, state = airflow.run(dag_id)
    assert (state, airflow.states(dag_id, run_id)) == ("success", {"submit": "success"})
    assert airflow.ledger.run("remote_good", run_id)["state"] == "success"
    assert airflow.remote("remote_good", run_id) == {"double": ("success", 1), "report": ("success", 1)}
    assert airflow.ledger.xcom("remote_good", run_id, "report", "return_value")["value"] == "it is 42"


@pytest.mark.parametrize("target", TARGETS)
def test_failure(airflow, target):
    dag_id = f"submits_bad_{target}"
    run_id, state = airflow.run(dag_id)
    assert (state, airflow.states(dag_id, run_id)) == ("failed", {"submit": "failed"})
    assert airflow.remote("remote_bad", run_id) == {"breaks": ("failed", 1)}
    assert "the remote task is broken" in airflow.log(dag_id, run_id, "submit")


def test_a_run_that_is_deleted_and_made_again_runs_again(airflow):
    """Airflow tells a task nothing of it but when its DAG run began, and that this is its first try."""
    dag_id, run_id, date = "submits_good_stepfunctions", "made_again", "2026-01-02T00:00:00Z"
    for tries in (1, 2):
        airflow.trigger(dag_id, run_id=run_id, logical_date=date)
        assert airflow.wait(dag_id, run_id) == "success"
        assert airflow.remote("remote_good", run_id) == {"double": ("success", tries), "report": ("success", tries)}
        if tries == 1:
            airflow.delete_run(dag_id, run_id)
    # Clear of what has succeeded finds the success, as ever.
    airflow.clear_run(dag_id, run_id)
    assert airflow.wait(dag_id, run_id) == "success"
    assert airflow.remote("remote_good", run_id) == {"double": ("success", 2), "report": ("success", 2)}
