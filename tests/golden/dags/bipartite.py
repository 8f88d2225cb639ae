"""Every upper task before every lower task."""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("bipartite", schedule=None, start_date=datetime(2026, 1, 1)):
    a, b, c, d = (BashOperator(task_id=name, bash_command="true") for name in "abcd")
    a >> [c, d]
    b >> [c, d]
