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


INDEXES = range(3)


@pytest.fixture(scope="module")
def mapped(airflow):
    """A run of the DAG with mapped tasks, and how it ended."""
    run_id, state = airflow.run("mapped")
    airflow.wait_for_remote("mapped", run_id)
    return run_id, state


def runs_of(airflow, task_id, map_index=-1):
    file = airflow.home / f"mapped.{task_id}.{map_index}.runs"
    return len(file.read_text()) if file.exists() else 0


def ran(airflow):
    """How often each instance has run on AWS."""
    counted = {name: [runs_of(airflow, name, index) for index in INDEXES] for name in ("process", "each.finish")}
    return counted | {name: runs_of(airflow, name) for name in ("numbers", "total")}


def every_state(airflow, run_id):
    """Airflow's and the ledger's, which are the same, instance by instance."""
    airflow.wait_for_remote("mapped", run_id)
    states = airflow.every_state("mapped", run_id)
    assert states.pop((SUBMIT, -1)) == "success"
    assert states == airflow.every_remote_state("mapped", run_id)
    return states


GOOD = {
    ("numbers", -1): "success",
    **{(f"each.{name}", index): "success" for name in ("begin", "finish") for index in INDEXES},
    ("nothing", -1): "success",
    ("of_nothing", -1): "skipped",
    ("picks", -1): "success",
    ("passed_over", -1): "skipped",
    ("followed", -1): "success",
    ("deep", -1): "success",
}
MENDED = {**{("process", index): "success" for index in INDEXES}, ("total", -1): "success"}


def test_mapped_tasks_show_each_instance(airflow, mapped):
    run_id, state = mapped
    broken = {("process", 1): "failed", ("total", -1): "upstream_failed"}
    assert every_state(airflow, run_id) == GOOD | MENDED | broken
    assert state == "failed" == airflow.ledger.run("mapped", run_id)["state"]
    labels = [airflow.instance("mapped", run_id, "process", index)["rendered_map_index"] for index in INDEXES]
    assert labels == ["number 10", "number 20", "number 30"]
    values = [airflow.xcoms("mapped", run_id, "process", index).get("return_value") for index in INDEXES]
    assert [None if value is None else int(value) for value in values] == [11, None, 31]
    assert "ValueError: 20 is broken on purpose" in airflow.log("mapped", run_id, "process", map_index=1)
    assert "the remote log of 30" in airflow.log("mapped", run_id, "process", map_index=2)
    jobs = [airflow.links("mapped", run_id, "process", index)["Batch job"] for index in INDEXES]
    array = jobs[0].removesuffix("%3A0")
    assert jobs == [f"{array}%3A{index}" for index in INDEXES], "the children of one array job"


def test_the_graph_has_mapped_tasks_and_groups(airflow, mapped):
    nodes = airflow.nodes("mapped")
    mapped_nodes = {name for name, node in nodes.items() if node.get("is_mapped")}
    # Before 3.2, the tasks in a mapped group are marked, too.
    assert mapped_nodes - {"each.begin", "each.finish"} == {"process", "each", "of_nothing", "passed_over"}
    assert (nodes["process"]["operator"], nodes["picks"]["operator"]) == ("@task", "@task.branch")
    children = {name: {child["id"] for child in node["children"]} for name, node in nodes.items() if node["children"]}
    joins = {"each.upstream_join_id"}
    inner = {"each": {"each.begin", "each.finish"} | joins, "outer": {"outer.inner"}, "outer.inner": {"deep"}}
    assert children == inner
    assert (nodes["each"]["tooltip"], nodes["outer"]["tooltip"]) == ("one of each", "the outer one")


def test_clearing_instances_restarts_them_and_no_others(airflow, mapped):
    run_id, _ = mapped
    before = ran(airflow)
    assert before == {"process": [1, 1, 1], "each.finish": [1, 1, 1], "numbers": 1, "total": 0}
    (airflow.home / "mapped.mended").touch()

    def cleared(task_ids, **what):
        if task_ids is None:
            airflow.clear_run("mapped", run_id)
        else:
            airflow.clear("mapped", run_id, task_ids=task_ids, **what)
        assert airflow.wait("mapped", run_id) == "success"
        assert every_state(airflow, run_id) == GOOD | MENDED
        return ran(airflow)

    # The one that failed, with what is downstream.
    after = cleared([["process", 1]], include_downstream=True)
    assert after == before | {"process": [1, 2, 1], "total": 1}
    assert int(airflow.xcoms("mapped", run_id, "total")["return_value"]) == 11 + 21 + 31
    # Two that succeeded, and nothing else.
    assert cleared([["process", 0], ["each.finish", 2]]) == after | {"process": [2, 2, 1], "each.finish": [1, 1, 2]}
    # All of them.
    after = cleared(["process"], include_downstream=True)
    assert after == {"process": [3, 3, 2], "each.finish": [1, 1, 2], "numbers": 1, "total": 2}
    # The whole run, as its own button does.
    assert cleared(None) == {"process": [4, 4, 3], "each.finish": [2, 2, 3], "numbers": 2, "total": 3}


def test_a_run_that_is_deleted_and_made_again_runs_again(airflow):
    dag_id, run_id, date = "taskflow_etl", "made_again", "2026-01-02T00:00:00Z"
    airflow.trigger(dag_id, run_id=run_id, logical_date=date)
    assert airflow.wait(dag_id, run_id) == "success"
    first = airflow.remote(dag_id, run_id)
    assert {tries for _, tries in first.values()} == {1}
    airflow.delete_run(dag_id, run_id)
    airflow.trigger(dag_id, run_id=run_id, logical_date=date)
    assert airflow.wait(dag_id, run_id) == "success"
    assert set(same_as_remote(airflow, dag_id, run_id).values()) == {"success"}
    assert airflow.remote(dag_id, run_id) == {task_id: (state, 2) for task_id, (state, _) in first.items()}
