"""One task and nothing else."""

from datetime import datetime

from airflow.sdk import dag, task


@dag(schedule=None, start_date=datetime(2026, 1, 1))
def single_task():
    @task
    def only():
        return 1

    only()


single_task()
