"""The operator in Airflow against the embedded AWS: states, results, and never a second run."""

import json
from pathlib import Path

import pytest
from ductwork.compiler import Options, compile_paths
from several_machines import cut

TARGETS = ("stepfunctions", "batch")
WAYS = ("sync", "deferred")

both = pytest.mark.parametrize(("target", "way"), [(target, way) for target in TARGETS for way in WAYS])


def sent(remote, target, dag_id, run_id):
    """How many executions, or jobs, this run has had."""
    return len(remote.executions(dag_id, run_id) if target == "stepfunctions" else remote.jobs(dag_id, run_id))


@both
def test_a_success(run_dag, remote, traces, target, way):
    (found,) = run_dag(f"good_{target}_{way}", "run")
    task = found["tasks"]["submit"]
    assert (found["state"], task["state"], task["try_number"]) == ("success", "success", 1)
    assert traces() == ["first", "second"]
    result = task["xcoms"]["return_value"]
    assert (result["run_id"], result["state"], result["counts"]) == (found["run_id"], "success", {"success": 2})
    if target == "stepfunctions":
        assert result["execution_arn"].startswith("arn:aws:states:us-east-1:123456789012:execution:good:")
        assert task["xcoms"]["ductwork_execution_link"].startswith("https://console.aws.amazon.com/states/home")
    else:
        assert set(result["job_ids"]) == {"good-first", "good-second"}
        assert task["xcoms"]["ductwork_queue_link"].startswith("https://console.aws.amazon.com/batch/home")
    assert task["xcoms"]["ductwork_run"]["run_id"] == found["run_id"]
    assert sent(remote, target, "good", found["run_id"]) == (1 if target == "stepfunctions" else 2)


def test_the_remote_tasks_see_airflows_own_run(run_dag, remote):
    (found,) = run_dag("good_stepfunctions_sync", "run")
    seen = remote.ledger.xcom("good", found["run_id"], "second", "return_value")["value"]
    assert seen == {"run_id": found["run_id"], "logical_date": found["logical_date"]}


@pytest.mark.parametrize("target", TARGETS)
def test_a_conf_that_does_not_fit_is_never_submitted(run_dag, remote, target):
    (found,) = run_dag(f"strict_{target}_sync", "run")
    assert (found["tasks"]["submit"]["state"], found["tasks"]["submit"]["try_number"]) == ("failed", 1)
    assert "Invalid input for param level: 'middling' is not one of ['low', 'high']" in found["log"]
    assert sent(remote, target, "strict", found["run_id"]) == 0
    assert remote.ledger.run("strict", found["run_id"]) is None


def test_a_dag_of_several_machines_fails_and_is_cleared(airflow_side, run_dag, remote, traces, tmp_path):
    folder = Path(airflow_side["AIRFLOW__CORE__DAGS_FOLDER"])
    (workflow,) = compile_paths([str(folder / "remote.py")], Options("stepfunctions", "bad")).workflows
    document = cut(workflow)
    assert document["parts"]
    (folder / "bad.asl.json").write_text(json.dumps(document))
    failed, cleared = run_dag("several", "run", "clear", f"touch:{tmp_path}/switch", "run")
    assert failed["tasks"]["submit"]["state"] == "failed"
    assert "picky: ValueError: there is no switch" in failed["log"]
    assert cleared["tasks"]["submit"]["state"] == "success"
    assert cleared["tasks"]["submit"]["xcoms"]["return_value"]["counts"] == {"success": 2}
    assert traces() == ["first", "picky", "picky"]
    assert remote.executions("bad", failed["run_id"]) == ["SUCCEEDED", "FAILED"]
    assert remote.tasks("bad", failed["run_id"]) == {"first": ("success", 1), "picky": ("success", 2)}


@pytest.mark.long
@both
def test_a_failure_then_clear(run_dag, remote, traces, tmp_path, target, way):
    failed, cleared, again = run_dag(
        f"bad_{target}_{way}", "run", "clear", f"touch:{tmp_path}/switch", "run", "clear", "run"
    )
    assert failed["tasks"]["submit"]["state"] == "failed"
    assert "picky: ValueError: there is no switch" in failed["log"]
    assert cleared["tasks"]["submit"]["state"] == "success"
    assert cleared["tasks"]["submit"]["xcoms"]["return_value"]["counts"] == {"success": 2}
    assert again["tasks"]["submit"]["state"] == "success"
    assert traces() == ["first", "picky", "picky"]
    assert remote.tasks("bad", failed["run_id"])["first"] == ("success", 1)
    assert sent(remote, target, "bad", failed["run_id"]) == (2 if target == "stepfunctions" else 3)


@both
def test_a_lost_worker(run_dag, remote, traces, target, way):
    (found,) = run_dag(f"lost_{target}_{way}", "run")
    assert (found["tasks"]["submit"]["state"], found["tasks"]["submit"]["try_number"]) == ("success", 2)
    assert traces() == ["first", "second"]
    assert sent(remote, target, "good", found["run_id"]) == (1 if target == "stepfunctions" else 2)


@pytest.mark.long
@both
def test_a_timeout_stops_the_run_and_the_retry_restarts_it(run_dag, remote, traces, tmp_path, target, way):
    timed_out, cleared = run_dag(f"timeout_{target}_{way}", "run", "clear", f"touch:{tmp_path}/switch", "run")
    assert (timed_out["tasks"]["submit"]["state"], timed_out["tasks"]["submit"]["try_number"]) == ("failed", 2)
    assert cleared["tasks"]["submit"]["state"] == "success"
    assert traces() == ["first", "slow", "slow", "slow"]
    if target == "stepfunctions":
        assert remote.executions("long", timed_out["run_id"]) == ["SUCCEEDED", "ABORTED", "ABORTED"]
