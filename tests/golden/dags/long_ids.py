"""Ids over 80 characters that differ only at their ends."""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

LONG = "a_task_id_that_goes_on_" * 5

with DAG("long_ids_" + "d" * 80, schedule=None, start_date=datetime(2026, 1, 1)):
    first, second = (BashOperator(task_id=f"{LONG}{end}", bash_command="true") for end in "xy")
    # 78 characters: the id itself fits, "Record " and "Run ...?" do not.
    third = BashOperator(task_id="t" * 78, bash_command="true")
    fourth = EmptyOperator(task_id=f"{LONG}z")
    first >> [second, third] >> fourth
