"""Retries: used up, successful, refused by AirflowFailException, and for a shell command."""

from datetime import timedelta

from airflow.exceptions import AirflowFailException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

with DAG("retrying", default_args={"retries": 2, "retry_delay": timedelta(seconds=1)}):

    @task
    def never_works():
        raise RuntimeError("still broken")

    @task
    def third_time(ti):
        if ti.try_number < 3:
            raise RuntimeError(f"try {ti.try_number}")
        return ti.try_number

    @task
    def gives_up():
        raise AirflowFailException("no use trying again")

    @task(retries=0)
    def once():
        raise RuntimeError("no retries")

    never_works()
    third_time()
    gives_up()
    once()
    BashOperator(task_id="shell", bash_command="exit 3", retries=1)
