"""DAGs of mapped tasks: limited ones, and one whose items a restart changes."""

import json
import time
from pathlib import Path

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task, task_group


@task
def items(dag_run=None):
    return json.loads(Path(dag_run.conf["items"]).read_text())


def times(number):
    started = time.time()
    time.sleep(0.3)
    return [number, started, time.time()]


with DAG("limited"):

    @task
    def three():
        return [1, 2, 3]

    task(max_active_tis_per_dagrun=1)(times).override(task_id="in_a_run").expand(number=three())
    task(max_active_tis_per_dag=1)(times).override(task_id="in_all_runs").expand(number=[1, 2, 3])
    task(pool="narrow", pool_slots=2)(times).override(task_id="in_a_pool").expand(number=[1, 2, 3])

    @task_group
    def group(number):
        task(max_active_tis_per_dagrun=1)(times)(number)

    group.expand(number=[1, 2, 3])

with DAG("changing"):

    @task
    def double(item):
        return item * 2

    @task(trigger_rule="all_done")
    def gather(doubled):
        return list(doubled)

    found = items()
    doubled = double.expand(item=found)
    gather(doubled)

    @task_group
    def each(item):
        double.override(task_id="inner")(item)

    each.expand(item=found)

with DAG("large"):

    @task
    def make():
        return ["x" * 300_000, "y" * 300_000]

    @task
    def length(text):
        return len(text)

    @task
    def total(lengths):
        return sum(lengths)

    total(length.expand(text=make()))

with DAG("mixed"):

    @task
    def odd_only(number):
        if number % 2 == 0:
            raise AirflowSkipException("even")
        return number

    @task
    def gate(dag_run=None):
        if not Path(dag_run.conf["items"]).exists():
            raise ValueError("no gate")

    before = [odd_only.expand(number=[1, 2]), gate()]
    before >> EmptyOperator(task_id="strict")
    before >> EmptyOperator(task_id="lenient", trigger_rule="none_failed")
