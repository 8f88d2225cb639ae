"""Setups and teardowns in, around and as mapped tasks and groups."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task, task_group


@task
def three():
    return [1, 2, 3]


@task
def double(x):
    return x * 2


@task
def odd(x):
    if x == 2:
        raise ValueError("even")
    return x


with DAG("group_setups"):

    @task_group
    def work(x):
        make = double.override(task_id="make")(x).as_setup()
        use = odd(x)
        make >> use >> double.override(task_id="clean")(x).as_teardown(setups=make)
        use >> EmptyOperator(task_id="after")

    work.expand(x=three()) >> EmptyOperator(task_id="end", trigger_rule="all_done")

with DAG("group_bad_setup"):

    @task_group
    def work(x):
        make = odd.override(task_id="make")(x).as_setup()
        use = double(x)
        make >> use >> double.override(task_id="clean")(x).as_teardown(setups=make)

    work.expand(x=three()) >> EmptyOperator(task_id="end")

with DAG("group_between"):
    make = double.override(task_id="make")(1).as_setup()
    clean = double.override(task_id="clean")(1).as_teardown(setups=make)

    @task_group
    def work(x):
        odd(x) >> EmptyOperator(task_id="after")

    group = work.expand(x=three())
    make >> group >> clean
    group >> EmptyOperator(task_id="end")

with DAG("mapped_between"):
    make = double.override(task_id="make")(1).as_setup()
    clean = double.override(task_id="clean")(1).as_teardown(setups=make, on_failure_fail_dagrun=True)
    make >> odd.expand(x=three()) >> clean

with DAG("mapped_setup"):
    make = odd.override(task_id="make").expand(x=three())
    make.operator.is_setup = True
    make >> double(1)

with DAG("mapped_setup_and_teardown"):
    make = double.override(task_id="make").expand(x=three())
    make.operator.is_setup = True
    clean = odd.override(task_id="clean").expand(x=[1, 2])
    make >> odd.override(task_id="use")(2) >> clean.as_teardown(setups=make)
