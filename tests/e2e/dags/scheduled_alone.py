"""What only Airflow's own scheduler shows: tasks that wait in vain, and fail_fast beside a task that is running."""

import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

PAST = datetime(2025, 1, 1, tzinfo=timezone.utc)
RUNNING = Path(tempfile.gettempdir()) / "ductwork-e2e-slow"


@task
def works():
    return "worked"


with DAG("alone_dates"):
    retired = works.override(task_id="retired", end_date=PAST)()
    works() >> retired >> EmptyOperator(task_id="below") >> EmptyOperator(task_id="last", trigger_rule="all_done")
    retired >> works.override(task_id="always", trigger_rule="always")()

with DAG("alone_dates_leaf"):
    works() >> works.override(task_id="retired", end_date=PAST)()

with DAG("alone_fail_fast", fail_fast=True):

    @task
    def slow():
        RUNNING.touch()
        time.sleep(120)

    @task
    def breaks():
        while not RUNNING.exists():
            time.sleep(0.1)
        RUNNING.unlink()
        raise RuntimeError("on purpose")

    [slow() >> works(), breaks()] >> EmptyOperator(task_id="end")
