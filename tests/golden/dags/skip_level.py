"""Edges that the order of other tasks implies: they change no order, but the rule reads those tasks."""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("skip_level", schedule=None, start_date=datetime(2026, 1, 1)):
    a, b, c, d, e = (BashOperator(task_id=name, bash_command="true") for name in "abcde")
    a >> b >> c >> d >> e
    a >> [c, d, e]
    b >> e
