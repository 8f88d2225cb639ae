"""EmptyOperators as a start, as joins and as the end."""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("empty_joins", schedule=None, start_date=datetime(2026, 1, 1)):
    start, join, end = (EmptyOperator(task_id=name) for name in ("start", "join", "end"))
    upper = [BashOperator(task_id=name, bash_command="true") for name in ("a", "b")]
    lower = [BashOperator(task_id=name, bash_command="true") for name in ("c", "d")]
    start >> upper >> join >> lower >> end
