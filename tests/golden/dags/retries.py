"""Retries with a constant delay, with backoff, with a bound, without a delay, and none."""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("retries", schedule=None, start_date=datetime(2026, 1, 1)):
    constant = BashOperator(task_id="constant", bash_command="true", retries=2, retry_delay=timedelta(minutes=5))
    backoff = BashOperator(
        task_id="backoff",
        bash_command="true",
        retries=5,
        retry_delay=timedelta(seconds=30),
        retry_exponential_backoff=True,
    )
    bounded = BashOperator(
        task_id="bounded",
        bash_command="true",
        retries=9,
        retry_delay=timedelta(seconds=10),
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(minutes=2),
        execution_timeout=timedelta(minutes=10),
    )
    at_once = BashOperator(task_id="at_once", bash_command="true", retries=1, retry_delay=timedelta(0))
    never = BashOperator(task_id="never", bash_command="true", retries=0)
    constant >> backoff >> bounded >> at_once >> never
