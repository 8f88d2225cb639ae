"""Two parts with no dependency between them, one of them a single task."""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("two_components", schedule=None, start_date=datetime(2026, 1, 1)):
    a, b, alone = (BashOperator(task_id=name, bash_command="true") for name in ("a", "b", "alone"))
    a >> b
