"""What a DAG says of its runs: how many at a time, how long, and whom to call."""

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "run_settings",
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    on_success_callback=print,
    on_failure_callback=print,
):
    BashOperator(task_id="work", bash_command="true", on_failure_callback=print)
