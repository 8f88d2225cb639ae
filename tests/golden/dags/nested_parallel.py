"""Parallel sections within a parallel section, and the skip-level edges that decisions still read."""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("nested_parallel", schedule=None, start_date=datetime(2026, 1, 1)):
    root, a, a1, a2, a3, b, end = (
        BashOperator(task_id=name, bash_command="true") for name in ("root", "a", "a1", "a2", "a3", "b", "end")
    )
    root >> [a, b]
    a >> [a1, a2] >> a3
    [a3, b] >> end
