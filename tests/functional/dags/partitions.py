"""Runs of partitions: what tasks see of theirs. ``gate``, of the run's conf, lets ``load`` pass."""

from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset, CronPartitionTimetable, task

with DAG("partitions", schedule=CronPartitionTimetable("0 0 * * *", timezone="Europe/Berlin", key_format="%Y-%m-%d")):
    say = BashOperator(task_id="say", bash_command="echo '{{ partition_key }} {{ partition_date }}'")

    @task(outlets=[Asset("loaded")])
    def load(dag_run):
        if not Path(dag_run.conf["gate"]).exists():
            raise FileNotFoundError(dag_run.conf["gate"])
        return [dag_run.partition_key, str(dag_run.partition_date)]

    say >> load()
