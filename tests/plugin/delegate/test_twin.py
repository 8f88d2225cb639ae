"""The twin of every DAG of the repository shows what its original shows; only who does the work differs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from airflow.sdk import DAG, TaskGroup, task
from airflow_versions import DagBag, DagSerialization
from ductwork_airflow.delegate import DelegationError, delegate
from ductwork_airflow.delegate.mirror_task import MirrorTask

ROOT = Path(__file__).parents[3]
FOLDERS = ("dags", "tests/differential/dags", "tests/differential/semantics")
# Airflow would end the submit task of a DAG with fail_fast; see test_says_why_it_cannot.
FILES = sorted(file for folder in FOLDERS for file in (ROOT / folder).glob("*.py") if file.stem != "fail_fast")
SUBMIT = "ductwork_submit"
ALL_RULES = [
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_skipped",
    "always",
    "none_failed_min_one_success",
    "all_skipped",
]

# What a DAG shows of itself; its tasks and their edges are compared one by one.
DAG_FIELDS = [
    "dag_id",
    "dag_display_name",
    "description",
    "tags",
    "doc_md",
    "start_date",
    "end_date",
    "catchup",
    "max_active_runs",
    "max_active_tasks",
    "max_consecutive_failed_dag_runs",
    "dagrun_timeout",
    "fail_fast",
    "edge_info",
    "fileloc",
    "owner_links",
    "default_args",
]


def load(path):
    bag = DagBag(dag_folder=str(path), safe_mode=False)
    assert bag.import_errors == {}
    return bag.dags


def seen(dag):
    return {name: getattr(dag, name) for name in DAG_FIELDS} | {
        "timetable": DagSerialization.to_dict(dag)["dag"]["timetable"],
        "params": dag.params.dump(),
        "groups": {name: sorted(group.children) for name, group in dag.task_group_dict.items()},
    }


def shown(task):
    names = "owner task_display_name operator_name ui_color ui_fgcolor doc_md priority_weight start_date node_id"
    return {name: getattr(task, name) for name in names.split()} | {
        "trigger_rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
        "params": task.params.dump(),
        "outlets": task.outlets,
        "group": task.task_group.group_id,
    }


def edges(dag):
    """Without those of the submit task."""
    return {
        task.task_id: (set(task.upstream_task_ids), set(task.downstream_task_ids))
        for task in dag.tasks
        if task.task_id != SUBMIT
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shows_what_the_original_shows(path):
    originals, twins = load(path), {dag_id: delegate(dag) for dag_id, dag in load(path).items()}
    for dag_id, original in originals.items():
        twin = twins[dag_id]
        assert [task.task_id for task in twin.tasks] == [*(task.task_id for task in original.tasks), SUBMIT]
        assert edges(twin) == edges(original)
        assert seen(twin) == seen(original)
        for own in original.tasks:
            mirror = twin.get_task(own.task_id)
            assert (getattr(mirror, "operator_class", type(mirror)), mirror.is_mapped) == (MirrorTask, own.is_mapped)
            assert shown(twin.get_task(own.task_id)) == shown(own)
        assert [task.task_id for task in twin.topological_sort() if task.task_id != SUBMIT] == [
            task.task_id for task in original.topological_sort()
        ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_passes_airflows_serialization(path):
    for dag_id, dag in load(path).items():
        twin = delegate(dag)
        data = DagSerialization.to_dict(twin)
        DagSerialization.validate_schema(data)
        read = DagSerialization.from_dict(data)
        assert read.dag_id == dag_id
        assert {task.task_id: task.upstream_task_ids for task in read.tasks} == {
            task.task_id: task.upstream_task_ids for task in twin.tasks
        }
        assert {task.task_id: task.operator_name for task in read.tasks} == {
            task.task_id: task.operator_name for task in twin.tasks
        }


def one_per_rule():
    with DAG("rules") as dag:

        @task
        def work():
            return None

        below = work.override(task_id="below")()
        for rule in ALL_RULES:
            root = work.override(task_id=f"root_{rule}", trigger_rule=rule)()
            root >> below
            root >> work.override(task_id=f"inner_{rule}", trigger_rule=rule)()
    return dag


def test_the_submit_task_changes_no_rule():
    """It has no edges, so that no rule counts it."""
    dag = delegate(one_per_rule())
    submit = dag.get_task(SUBMIT)
    assert (submit.upstream_task_ids, submit.downstream_task_ids) == (set(), set())
    for rule in ALL_RULES:
        root = dag.get_task(f"root_{rule}")
        assert (root.trigger_rule.value, root.upstream_task_ids) == (rule, set())
        assert dag.get_task(f"inner_{rule}").upstream_task_ids == {f"root_{rule}"}


def test_a_teardown_stays_one():
    with DAG("scopes") as dag:

        @task
        def work():
            return None

        up, inside, down = (work.override(task_id=name)() for name in ("up", "inside", "down"))
        up >> inside >> down.as_teardown(setups=up, on_failure_fail_dagrun=True)
    delegate(dag)
    assert dag.get_task("up").is_setup
    assert (dag.get_task("down").is_teardown, dag.get_task("down").on_failure_fail_dagrun) == (True, True)
    assert dag.get_task("down").trigger_rule.value == "all_done_setup_success"


def test_what_runs_remotely_does_not_run_twice():
    with DAG("twice", default_args={"retries": 7, "on_failure_callback": print, "pool": "small"}) as dag:

        @task(on_success_callback=print, execution_timeout=None)
        def work():
            return None

        work()
    mirror = delegate(dag, retries=2).get_task("work")
    assert (mirror.retries, mirror.pool) == (2, "default_pool")
    assert not mirror.has_on_failure_callback and not mirror.has_on_success_callback
    assert dag.get_task(SUBMIT).pool == "default_pool"


def test_as_a_decorator():
    from airflow.sdk import dag as dag_decorator

    @delegate(target="batch")
    @dag_decorator(dag_id="decorated", schedule=None)
    def decorated():
        @task
        def work():
            return None

        work()

    twin = decorated()
    assert sorted(twin.task_ids) == [SUBMIT, "work"]
    assert twin.get_task("work").target == twin.get_task(SUBMIT).target == "batch"
    assert delegate(twin) is twin, "a twin is its own twin"


@pytest.mark.parametrize(("target", "engine"), [("stepfunctions", "batch"), ("batch", "states")])
def test_the_engine_is_that_of_state_machines_alone(target, engine):
    """``[ductwork] engine`` holds for all DAGs, those of job chains too."""
    dag = delegate(one_per_rule(), target=target, engine="batch")
    assert (dag.get_task(SUBMIT).target, dag.get_task(SUBMIT).engine) == (target, engine)


@pytest.mark.parametrize("variable", ["DUCTWORK_DAG_ID", "DUCTWORK_COMPILING"])
def test_worker_and_translator_see_the_original(variable, monkeypatch):
    monkeypatch.setenv(variable, "1")
    dag = one_per_rule()
    assert delegate(dag) is dag
    assert SUBMIT not in dag.task_ids


def test_the_translator_compiles_a_delegating_file(tmp_path):
    from ductwork.compiler import Options, compile_paths

    source = (ROOT / "dags" / "flaky_api.py").read_text().replace("\nflaky_api()\n", "\ndelegate(flaky_api())\n")
    file = tmp_path / "flaky_api.py"
    file.write_text(
        source.replace("import annotations", "import annotations\nfrom ductwork_airflow.delegate import delegate")
    )
    compiled = compile_paths([str(file)], Options("stepfunctions"))
    assert not compiled.diagnostics.failed
    assert {task.task_id for task in compiled.workflows[0].tasks} == {"call", "report"}
    assert "DUCTWORK_COMPILING" not in os.environ
    assert SUBMIT in load(file)["flaky_api"].task_ids


def broken_by_name():
    with DAG("named") as dag, TaskGroup(SUBMIT):

        @task
        def work():
            return None

        work()
    return dag


def failing_fast():
    return DAG("fast", fail_fast=True)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (broken_by_name, {}, "has a task or group 'ductwork_submit' of its own"),
        (one_per_rule, {"tarjet": "batch"}, "no option tarjet; it has target"),
        (failing_fast, {}, "has fail_fast, by which Airflow would end the submit task"),
    ],
)
def test_says_why_it_cannot(make, options, message):
    with pytest.raises(DelegationError, match=message):
        delegate(make(), **options)


def test_within_the_with_block_the_dag_is_not_complete():
    with DAG("early") as dag, pytest.raises(DelegationError, match="after its `with` block"):
        delegate(dag)
