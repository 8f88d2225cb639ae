"""A twin's mapped tasks and groups have the lengths of the original's, as Airflow's scheduler counts them."""

from __future__ import annotations

import json

import pytest
from airflow.models import TaskInstance, import_all_models
from airflow.models.base import Base
from airflow.models.taskmap import TaskMap
from airflow.models.xcom import XComModel
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, TaskGroup, task, task_group
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.definitions.xcom_arg import XComArg
from airflow_versions import DagSerialization, NotFullyPopulated, get_mapped_ti_count
from ductwork_airflow.delegate import DelegationError, delegate
from ductwork_airflow.delegate.mirror_task import MirrorTask
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

RUN = "r"


def never(value):
    raise AssertionError("map() is done remotely")


@task
def numbers():
    return [1, 2, 3]


@task
def letters():
    return {"a": 1, "b": 2}


@task
def work(x=None, y=None, z=None):
    return x


def mapped():
    """One task for each way to be expanded."""
    with DAG("mapped", doc_md="shown") as dag:
        found, lettered = numbers(), letters()
        again = work.override(task_id="again").expand(x=found)
        expand = {
            "literal": {"x": [1, 2, 3, 4]},
            "of_dict": {"x": {"a": 1, "b": 2}},
            "empty": {"x": []},
            "product": {"z": lettered, "x": [1, 2], "y": found},
            "changed": {"x": found.map(never).map(never)},
            "zipped": {"x": found.zip(lettered)},
            "filled": {"x": found.zip(lettered, again, fillvalue=0)},
            "joined": {"x": found.concat(lettered.map(never), again)},
            "over_mapped": {"x": again, "y": [1, 2]},
        }
        for name, arguments in expand.items():
            work.override(task_id=name).expand(**arguments)
        work.override(task_id="kwargs").expand_kwargs(found.map(never))
        work.override(task_id="listed_kwargs").expand_kwargs([{"x": 1}, lettered, {"y": 2}])
        BashOperator.partial(task_id="classic", trigger_rule="all_done", retries=4, pool="small").expand(
            bash_command=["one", "two"], env=lettered.map(never)
        )

        @task_group
        def group(x, y):
            first = work.override(task_id="first")(x)
            with TaskGroup("inner"):
                work.override(task_id="second")(first, y)
            return first

        of_group = group.expand(x=again, y=[1, 2])
        work.override(task_id="below_group")(of_group)
        work.override(task_id="over_group").expand(x=of_group)

        @task_group(group_id="kwargs_group", tooltip="shown", prefix_group_id=False)
        def kwargs_group(x):
            work.override(task_id="within")(x)

        kwargs_group.expand_kwargs(found.map(never))
    return dag


def serialized(dag):
    data = DagSerialization.to_dict(dag)
    DagSerialization.validate_schema(data)
    return DagSerialization.from_dict(json.loads(json.dumps(data)))


@pytest.fixture(scope="module")
def session():
    """Airflow's database after ``numbers`` (3), ``letters`` (2) and the three instances of ``again``, one with no value."""
    import_all_models()
    engine = create_engine("sqlite://")
    tables = [model.__table__ for model in (TaskInstance, TaskMap, XComModel)]
    Base.metadata.create_all(engine, tables=tables)
    with Session(engine) as session:
        for task_id, length in (("numbers", 3), ("letters", 2)):
            session.add(TaskMap("mapped", task_id, RUN, -1, length, None))
        session.flush()
        for index in (0, 2):
            place = {"dag_id": "mapped", "task_id": "again", "run_id": RUN, "map_index": index}
            session.execute(insert(XComModel).values(dag_run_id=1, key="return_value", value="1", **place))
        yield session


LENGTHS = {
    "again": 3,
    "literal": 4,
    "of_dict": 2,
    "empty": 0,
    "product": 12,
    "changed": 3,
    "zipped": 2,
    "filled": 3,
    "joined": 7,
    "over_mapped": 4,
    "kwargs": 3,
    "listed_kwargs": 3,
    "classic": 4,
    "group.first": 4,
    "group.inner.second": 4,
    "over_group": None,
    "within": 3,
}


def lengths(dag, session):
    found = {}
    for each in serialized(dag).task_dict.values():
        if each.get_needs_expansion():
            try:
                found[each.task_id] = get_mapped_ti_count(each, RUN, session=session)
            except NotFullyPopulated:
                found[each.task_id] = None
    return found


def test_airflow_counts_what_it_counts_for_the_original(session):
    assert lengths(mapped(), session) == LENGTHS
    assert lengths(delegate(mapped()), session) == LENGTHS


def arguments(dag, task_id):
    return list(dag.get_task(task_id)._get_specified_expand_input().value)


def test_the_order_of_a_product_is_the_originals():
    """Which combination has which map index follows from the order of the arguments."""
    original, twin = mapped(), delegate(mapped())
    assert arguments(twin, "product") == arguments(original, "product") == ["z", "x", "y"]


def references(dag, task_id):
    return sorted(up.task_id for up in dag.get_task(task_id).iter_mapped_dependencies())


def test_what_is_mapped_over_is_referred_to_as_before():
    """Airflow's rule for mapped tasks reads the states of these."""
    original, twin = mapped(), delegate(mapped())
    mapped_tasks = [each.task_id for each in original.tasks if each.is_mapped]
    assert {name: references(twin, name) for name in mapped_tasks} == {
        name: references(original, name) for name in mapped_tasks
    }
    for name in mapped_tasks:
        for up in twin.get_task(name).iter_mapped_dependencies():
            assert up is twin.get_task(up.task_id)
    groups = {"group": ["again"], "kwargs_group": ["numbers"]}
    for name, refers in groups.items():
        assert sorted(up.task_id for up in twin.task_group_dict[name].iter_mapped_dependencies()) == refers


def test_no_value_gets_into_the_twin_or_its_processes():
    with DAG("precious") as dag:
        BashOperator.partial(task_id="classic").expand_kwargs([{"env": {"secret": "s3cret"}, "bash_command": "x"}])
        work.override(task_id="listed").expand(x=["s3cret"] * 3)
        found = numbers()
        work.override(task_id="changed").partial(y="s3cret").expand(x=found.zip(found, fillvalue="s3cret").map(never))
    twin = delegate(dag)
    assert "s3cret" not in json.dumps(DagSerialization.to_dict(twin))
    assert "never" not in json.dumps(DagSerialization.to_dict(twin))
    for task_id in ("classic", "listed", "changed"):
        mirror = twin.get_task(task_id)
        unmapped = mirror.unmap(mirror._expand_mapped_kwargs({})[0])
        assert isinstance(unmapped, MirrorTask)
        assert (unmapped.task_id, unmapped.target, unmapped.dag) == (task_id, "stepfunctions", twin)


def test_a_mapped_mirror_is_one_like_any_other():
    twin = delegate(mapped(), retries=2, pool="wide", log_lines=7)
    mirror = twin.get_task("classic")
    assert isinstance(mirror, MappedOperator)
    assert (mirror.operator_class, mirror.operator_name) == (MirrorTask, "BashOperator")
    assert (mirror.retries, mirror.pool, mirror.trigger_rule) == (2, "wide", "all_done")
    assert {link.name for link in mirror.operator_extra_links} == {
        "Step Functions execution",
        "Batch job",
        "CloudWatch logs",
    }
    unmapped = mirror.unmap({})
    assert (unmapped.log_lines, unmapped.submit_task_id) == (7, "ductwork_submit")
    assert (unmapped.retries, unmapped.trigger_rule.value) == (2, "all_done")
    assert list(twin.get_task("numbers").iter_mapped_dependants()) == [], "Airflow must not ask for a return value"


def test_groups_stay_groups():
    twin = delegate(mapped())
    group = twin.task_group_dict["group"]
    assert type(group).__name__ == "MappedTaskGroup"
    assert twin.get_task("group.inner.second").get_closest_mapped_task_group() == group
    assert sorted(twin.task_group_dict["group.inner"].children) == ["group.inner.second"]
    other = twin.task_group_dict["kwargs_group"]
    assert (other.tooltip, other.prefix_group_id, sorted(other.children)) == ("shown", False, ["within"])


def scopes():
    with DAG("scopes") as dag:
        up, inside, down = (work.override(task_id=name).expand(x=[1, 2]) for name in ("up", "inside", "down"))
        up >> inside >> down.as_teardown(setups=up, on_failure_fail_dagrun=True)
    return dag


def scope(dag):
    return {
        each.task_id: (each.is_setup, each.is_teardown, each.on_failure_fail_dagrun, str(each.trigger_rule))
        for each in dag.task_dict.values()
        if each.is_mapped
    }


def test_mapped_setups_and_teardowns_stay_what_they_are():
    twin = delegate(scopes())
    assert scope(twin) == scope(scopes())
    assert scope(serialized(twin)) == scope(serialized(scopes()))
    assert (scope(twin)["up"][0], scope(twin)["down"][1:3]) == (True, (True, True))
    assert twin.get_task("down").unmap({}).is_teardown


class Own(XComArg):
    """A reference of somebody's own making."""

    def iter_references(self):
        yield from ()


def of_own_making():
    with DAG("own") as dag:
        work.expand(x=Own())
    return dag


def group_of_own_making():
    with DAG("own_group") as dag:

        @task_group
        def group(x):
            work(x)

        group.expand(x=Own())
    return dag


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (of_own_making, "task 'work' of DAG 'own' is expanded over a Own, whose length only itself knows: expand it"),
        (group_of_own_making, "task group 'group' of DAG 'own_group' is expanded over a Own"),
    ],
)
def test_says_what_it_cannot_count(make, message):
    with pytest.raises(DelegationError, match=message):
        delegate(make())
