"""Tasks that end in unusual ways: values that cannot be stored, undefined templates, a time limit, a signal."""

import time
from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

with DAG("unhappy"):

    @task
    def unserialisable():
        return object()

    @task(execution_timeout=timedelta(seconds=1))
    def too_slow():
        time.sleep(30)

    @task
    def exits():
        raise SystemExit(3)

    @task
    def reads_nothing(ti):
        return ti.xcom_pull(task_ids="unserialisable")

    BashOperator(task_id="undefined", bash_command="echo {{ no_such_name }}")
    BashOperator(task_id="killed_shell", bash_command="kill -9 $$")
    unserialisable()
    too_slow()
    exits()
    reads_nothing()
