"""A task whose job definition AWS does not know, among others."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("half_known"):
    goes_on = BashOperator(task_id="goes_on", bash_command="sleep 60")
    not_taken = BashOperator(
        task_id="not_taken",
        bash_command="true",
        executor_config={"ductwork": {"job_definition": "no-such-definition"}},
    )
    goes_on >> not_taken >> BashOperator(task_id="below", bash_command="true")
