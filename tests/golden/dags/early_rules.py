"""Rules that are decided before all upstream tasks have ended."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("early_rules"):
    first, second = (BashOperator(task_id=name, bash_command="true") for name in ("first", "second"))
    [first, second] >> BashOperator(task_id="any", bash_command="true", trigger_rule="one_success")
    [first, second] >> BashOperator(task_id="alarm", bash_command="true", trigger_rule="one_failed")
