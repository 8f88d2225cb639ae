"""Task groups: ids with dots, groups within groups, and edges between groups."""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, TaskGroup

with DAG("task_groups", schedule=None, start_date=datetime(2026, 1, 1)):
    with TaskGroup("load-all") as load:
        with TaskGroup("eu"):
            BashOperator(task_id="berlin", bash_command="true") >> BashOperator(task_id="paris", bash_command="true")
        BashOperator(task_id="us", bash_command="true")
    with TaskGroup("report", prefix_group_id=False) as report:
        BashOperator(task_id="Finish", bash_command="true")
    load >> report
