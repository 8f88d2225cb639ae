"""Delegated DAGs in a real Airflow: triggered as the UI does, their tasks end as they ended on AWS."""

from __future__ import annotations

import pytest

SUBMIT = "ductwork_submit"
TARGETS = ("stepfunctions", "batch")


def same_as_remote(airflow, dag_id, run_id):
    """Airflow's states, after comparing them with the ledger's, which may learn of the run's end a little later."""
    airflow.wait_for_remote(dag_id, run_id)
    states = airflow.states(dag_id, run_id)
    assert states.pop(SUBMIT) == "success"
    assert states == {task_id: state for task_id, (state, _) in airflow.remote(dag_id, run_id).items()}
    return states


@pytest.mark.parametrize("target", TARGETS)
def test_every_outcome(airflow, target):
    dag_id = f"outcomes_{target}"
    run_id, state = airflow.run(dag_id)
    assert same_as_remote(airflow, dag_id, run_id) == {
        "good.value": "success",
        "good.passes_on": "success",
        "good.shell": "success",
        "breaks": "failed",
        "below_broken": "upstream_failed",
        "last": "upstream_failed",
        "skips": "skipped",
        "below_skipped": "skipped",
        "killed": "failed",
        "crashes": "failed",
        "crashes_once": "success",
    }
    assert state == "failed" == airflow.ledger.run(dag_id, run_id)["state"]
    assert airflow.remote(dag_id, run_id)["breaks"] == ("failed", 2), "retried on AWS, once"
    assert airflow.remote(dag_id, run_id)["crashes"] == ("failed", 1)
    assert airflow.remote(dag_id, run_id)["crashes_once"] == ("success", 2)
    # Airflow's tries are for lost processes, which a busy machine has; to retry the failure would use them all up.
    breaks = airflow.instances(dag_id, run_id)["breaks"]
    assert breaks["try_number"] <= breaks["max_tries"]
    assert airflow.xcoms(dag_id, run_id, "good.value")["return_value"] in (
        {"answer": 42, "list": [1, None, "x"]},
        '{"answer": 42, "list": [1, null, "x"]}',
    )
    assert "the remote log of passes_on: 42" in airflow.log(dag_id, run_id, "good.passes_on")
    assert "ValueError: broken on purpose" in airflow.log(dag_id, run_id, "breaks")
    links = airflow.links(dag_id, run_id, "good.passes_on")
    assert "#jobs/detail/" in links["Batch job"] and "log-events" in links["CloudWatch logs"]
    if target == "stepfunctions":
        assert "#/v2/executions/details/" in links["Step Functions execution"]


def test_branches_rules_sensors_and_teardowns(airflow):
    dag_id = "rules_stepfunctions"
    run_id, state = airflow.run(dag_id)
    assert same_as_remote(airflow, dag_id, run_id) == {
        "picks": "success",
        "good": "success",
        "bad": "skipped",
        "join": "success",
        "flaky": "success",
        "seen": "success",
        "crossing": "success",
        "beside": "success",
        "create": "success",
        "breaks": "failed",
        "delete": "success",
        "alarming": "failed",
        "alarm": "success",
    }
    assert state == "failed" == airflow.ledger.run(dag_id, run_id)["state"], "breaks is a leaf but for its teardown"
    tries = {task: number for task, (_, number) in airflow.remote(dag_id, run_id).items()}
    assert (tries["flaky"], tries["seen"], tries["bad"]) == (2, 1, 0)


@pytest.mark.parametrize("target", TARGETS)
def test_clearing_a_failed_task_restarts_it_remotely(airflow, target):
    dag_id = f"mendable_{target}"

    def runs_of(name):
        file = airflow.home / f"{dag_id}.{name}.runs"
        return len(file.read_text()) if file.exists() else 0

    run_id, state = airflow.run(dag_id)
    assert state == "failed"
    assert same_as_remote(airflow, dag_id, run_id) == {
        "first": "success",
        "fragile": "failed",
        "last": "upstream_failed",
    }
    (airflow.home / f"{dag_id}.mended").touch()
    airflow.clear(dag_id, run_id, task_ids=["fragile"], include_downstream=True)
    assert airflow.wait(dag_id, run_id) == "success"
    assert set(same_as_remote(airflow, dag_id, run_id).values()) == {"success"}
    assert [runs_of(name) for name in ("first", "fragile", "last")] == [1, 2, 1]
    assert airflow.xcoms(dag_id, run_id, "fragile")["return_value"] in ("mended", '"mended"')


@pytest.mark.parametrize("dag_id", ["flaky_api", "taskflow_etl", "batch_jobs"])
def test_delegated_by_policy(airflow, dag_id):
    """Their files know nothing of Ductwork; [ductwork] delegate_dags names them."""
    run_id, state = airflow.run(dag_id)
    assert state == "success"
    assert set(same_as_remote(airflow, dag_id, run_id).values()) == {"success"}
