"""Fan-out from one task and fan-in to another."""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("fan", schedule=None, start_date=datetime(2026, 1, 1)):
    split, join = (BashOperator(task_id=name, bash_command="true") for name in ("split", "join"))
    split >> [BashOperator(task_id=f"part_{number}", bash_command="true") for number in range(6)] >> join
