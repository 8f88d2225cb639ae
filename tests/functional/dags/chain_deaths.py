"""Workers that die without a word above tasks that are to run all the same."""

import os
import signal
from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

with DAG("chain_deaths"):

    @task
    def dies():
        """As a lost host does: the supervisor dies with the task."""
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    @task
    def runs():
        return "ran"

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def dies_once(ti):
        if ti.try_number == 1:
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        return ti.try_number

    dead = dies()
    dead >> runs.override(task_id="alarm", trigger_rule="one_failed")()
    dead >> EmptyOperator(task_id="not_reached") >> runs.override(task_id="cleanup", trigger_rule="all_done")()
    dies_once() >> runs.override(task_id="no_alarm", trigger_rule="one_failed")()
