"""Mapped tasks and groups, delegated: a failing instance that can be mended, no items, a branch, nested groups."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup, get_current_context, task, task_group
from ductwork_airflow.delegate import delegate

# The tests leave a file here to mend the instance, and read how often which instance ran.
PLACE = Path(os.environ.get("AIRFLOW_HOME", "."))


def note():
    ti = get_current_context()["ti"]
    with (PLACE / f"mapped.{ti.task_id}.{ti.map_index}.runs").open("a") as file:
        file.write("x")


@task
def numbers():
    note()
    return [10, 20, 30]


@task(map_index_template="number {{ number }}")
def process(x):
    note()
    get_current_context()["number"] = x
    print(f"the remote log of {x}")
    if x == 20 and not (PLACE / "mapped.mended").exists():
        raise ValueError(f"{x} is broken on purpose")
    return x + 1


@task
def total(values):
    note()
    return sum(values)


@task
def begin(x):
    note()
    return f"begun {x}"


@task
def finish(x):
    note()
    return x.upper()


@task_group(tooltip="one of each")
def each(x):
    finish(begin(x))


@task
def nothing():
    return []


@task.branch
def picks():
    return "followed"


@task
def goes_on(x=None):
    note()


with DAG("mapped", tags=["e2e"]) as dag:
    found = numbers()
    total(process.expand(x=found))
    each.expand(x=found.zip(found.map(str)).map(lambda pair: pair[1]))
    goes_on.override(task_id="of_nothing").expand(x=nothing())
    picks() >> [goes_on.override(task_id="passed_over").expand(x=found), EmptyOperator(task_id="followed")]
    with TaskGroup("outer", tooltip="the outer one"), TaskGroup("inner", prefix_group_id=False):
        goes_on.override(task_id="deep")()

delegate(dag)
