"""Runs of partitions: the key comes with the execution's input."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, CronPartitionTimetable

with DAG("partitioned", schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC")):
    BashOperator(task_id="load", bash_command="echo {{ partition_key }}")
