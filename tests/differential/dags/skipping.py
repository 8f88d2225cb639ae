"""AirflowSkipException and Bash's exit code 99 skip a task and all below it under all_success."""

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

with DAG("skipping"):

    @task
    def skips():
        raise AirflowSkipException("nothing to do today")

    @task
    def never():
        return "never"

    @task
    def runs():
        return "ran"

    shell = BashOperator(task_id="shell", bash_command="exit 99")
    marker = EmptyOperator(task_id="marker")
    skips() >> never.override(task_id="below_skip")() >> marker
    shell >> never.override(task_id="below_shell")()
    runs()
