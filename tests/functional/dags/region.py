"""Five plain tasks: a container that dies while there is no gate, and calls back; a task that skips itself."""

import os
import signal
from pathlib import Path

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException


def note(what):
    def write(context):
        with Path(context["dag_run"].conf["notes"]).open("a") as notes:
            notes.write(f"{what} of {context['ti'].task_id}\n")

    return write


@task
def succeeds():
    return 1


@task(retries=1, retry_delay=0, on_retry_callback=note("retry"), on_failure_callback=note("failure"))
def dies(dag_run=None):
    """As a lost host does: the supervisor dies with the task."""
    if not Path(dag_run.conf["gate"]).exists():
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


@task
def skips():
    raise AirflowSkipException("not today")


with DAG("region", params={"notes": "", "gate": ""}):
    first = succeeds.override(task_id="first")()
    first >> dies() >> succeeds.override(task_id="below_dead")()
    first >> skips() >> succeeds.override(task_id="below_skipped")()
