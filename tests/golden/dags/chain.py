"""Three tasks one after another."""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("chain", schedule=None, start_date=datetime(2026, 1, 1)):
    extract, transform, load = (
        BashOperator(task_id=name, bash_command="true") for name in ("extract", "transform", "load")
    )
    extract >> transform >> load
