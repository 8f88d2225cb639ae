"""A branch, a short circuit and the join below them."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import ShortCircuitOperator
from airflow.sdk import DAG, task

with DAG("branching"):

    @task.branch
    def pick():
        return "left"

    go_on = ShortCircuitOperator(task_id="go_on", python_callable=bool)
    left, right = (BashOperator(task_id=name, bash_command="true") for name in ("left", "right"))
    join = BashOperator(task_id="join", bash_command="true", trigger_rule="none_failed_min_one_success")
    pick() >> [left, right] >> join
    right << go_on
