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
