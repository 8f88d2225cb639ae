"""DAGs whose runs and tasks wait for other runs."""

import time

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task, task_group


@task
def work():
    time.sleep(1)


@task(max_active_tis_per_dag=1)
def alone():
    time.sleep(1)


@task(pool="narrow", pool_slots=2)
def pooled():
    time.sleep(1)


@task(depends_on_past=True)
def after_past(logical_date=None):
    if logical_date.day == 2:
        raise ValueError("not on the second")


@task(wait_for_downstream=True)
def first():
    time.sleep(0.2)


@task_group
def grouped(index):
    @task(depends_on_past=True)
    def inner(index):
        time.sleep(0.5 * index)

    inner(index)


@task(depends_on_past=True)
def new():
    pass


with DAG("one_run", max_active_runs=1):
    work()

with DAG("one_instance"):
    EmptyOperator(task_id="before") >> alone()

with DAG("narrow_pool"):
    EmptyOperator(task_id="before") >> pooled()

with DAG("past"):
    after_past()

with DAG("past_downstream"):
    first() >> work()

with DAG("past_grouped"):
    grouped.expand(index=[1, 2])

with DAG("past_of_new"):
    after_past.override(task_id="old")()
    new.override(ignore_first_depends_on_past=True)()
    new.override(task_id="strict")()
