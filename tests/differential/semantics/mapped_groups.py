"""Mapped task groups."""

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task, task_group


@task
def three():
    return [1, 2, 3]


@task
def nothing():
    return []


@task
def double(x):
    return x * 2


@task
def odd_only(x):
    if x == 2:
        raise ValueError("even")
    if x == 3:
        raise AirflowSkipException("three")
    return x


@task
def broken():
    raise ValueError("x")


@task
def collect(values):
    return list(values)


with DAG("group_simple"):

    @task_group
    def work(x):
        return double.override(task_id="second")(double.override(task_id="first")(x))

    collect(work.expand(x=three()))

with DAG("group_failures"):

    @task_group
    def work(x):
        first = odd_only(x)
        first >> EmptyOperator(task_id="after")
        first >> EmptyOperator(task_id="anyway", trigger_rule="all_done")
        first >> EmptyOperator(task_id="alarm", trigger_rule="one_failed")

    group = work.expand(x=three())
    group >> EmptyOperator(task_id="end", trigger_rule="all_done")
    group >> EmptyOperator(task_id="strict")

with DAG("group_empty"):

    @task_group
    def work(x):
        double(x) >> EmptyOperator(task_id="after", trigger_rule="all_done")

    work.expand(x=nothing()) >> EmptyOperator(task_id="end", trigger_rule="all_done")

with DAG("group_below_failure"):

    @task_group
    def work(x):
        double(x) >> EmptyOperator(task_id="after", trigger_rule="all_done")

    work.expand(x=broken()) >> EmptyOperator(task_id="end", trigger_rule="all_done")

with DAG("group_crossing"):

    @task_group
    def work(x):
        a, b = double.override(task_id="a")(x), double.override(task_id="b")(x)
        c, d, e = (EmptyOperator(task_id=name) for name in "cde")
        a >> [c, d]
        b >> d
        [a, b] >> e
        [a, b] >> EmptyOperator(task_id="early", trigger_rule="one_success")

    outside = double.override(task_id="outside")(1)
    group = work.expand(x=[1, 2])
    outside >> group

with DAG("group_literal"):

    @task_group
    def work(x, y):
        double(x) >> double.override(task_id="other")(y)

    work.partial(y=5).expand(x=[1, 2])
