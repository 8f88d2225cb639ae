"""fail_fast: a task that has failed for good ends the rest of the run, but for teardowns."""

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task, teardown


@task
def works():
    return "worked"


@task
def breaks():
    raise RuntimeError("on purpose")


def empty(name):
    return EmptyOperator(task_id=name)


def before(does):
    return does.override(task_id="before")().as_setup()


def after():
    return teardown(task(task_id="after")(lambda: "after"))()


with DAG("fail_fast_middle", fail_fast=True):
    works() >> breaks() >> works.override(task_id="below")() >> empty("end")

with DAG("fail_fast_leaf", fail_fast=True):
    works() >> empty("between") >> breaks()

with DAG("fail_fast_retries", fail_fast=True, default_args={"retries": 1, "retry_delay": timedelta(0)}):

    @task
    def second_time(ti):
        if ti.try_number == 1:
            raise RuntimeError("on purpose")
        return ti.try_number

    second_time() >> breaks() >> works()

with DAG("fail_fast_teardown", fail_fast=True), before(works) >> after():
    breaks() >> works.override(task_id="below")()

with DAG("fail_fast_setup_breaks", fail_fast=True), before(breaks) >> after():
    works()

with DAG("fail_fast_success", fail_fast=True):
    works() >> empty("end")
