"""A task below 45 others, and one below the first 21 of them: more than a Batch job may depend on."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("many_above"):
    many = [BashOperator(task_id=f"many{number:02}", bash_command="true") for number in range(45)]
    many >> BashOperator(task_id="all_of_them", bash_command="true", trigger_rule="all_done")
    many[:21] >> BashOperator(task_id="some", bash_command="true")
