"""A DAG as any other."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("good"):
    BashOperator(task_id="t", bash_command="true")
