"""Callbacks leave a line in the file that the run names; ``overdue`` outlives its dagrun_timeout."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, task

PARAMS = {"notes": ""}


def note(what):
    def write(context):
        with Path(context["dag_run"].conf["notes"]).open("a") as notes:
            ti = context.get("ti")
            notes.write(f"{what} of {ti.task_id if ti else context['dag'].dag_id}\n")

    return write


@task
def fine():
    return 1


@task
def raises():
    raise ValueError("no good")


@task(retries=1, retry_delay=0, on_retry_callback=note("retry"), on_failure_callback=note("failure"))
def dies():
    """As a lost host does: the supervisor dies with the task."""
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


@task
def sleeps():
    time.sleep(300)


RUN = {"on_success_callback": note("run's success"), "on_failure_callback": note("run's failure")}

with DAG("succeeds", params=PARAMS, **RUN):
    fine()

with DAG("fails", params=PARAMS, **RUN):
    raises()

with DAG("loses_a_container", params=PARAMS):
    dies()

with DAG("overdue", params=PARAMS, dagrun_timeout=timedelta(seconds=10), **RUN):
    slow, below = sleeps(), fine.override(task_id="below")()
    fine() >> slow >> [below, fine.override(task_id="below_sleeps")()]
    raises() >> below
