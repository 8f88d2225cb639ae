"""A setup, its teardown and the work between them; a teardown whose failure fails the run."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("teardown"):
    create = BashOperator(task_id="create", bash_command="true").as_setup()
    delete = BashOperator(task_id="delete", bash_command="true").as_teardown(setups=create, on_failure_fail_dagrun=True)
    with delete:
        BashOperator(task_id="query", bash_command="true") >> BashOperator(task_id="report", bash_command="true")
