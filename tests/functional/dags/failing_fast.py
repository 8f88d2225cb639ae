"""fail_fast beside tasks that are running: ``slow`` is, when ``breaks`` fails or its container dies."""

import os
import signal
import tempfile
import time
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, get_current_context, task, teardown


def running():
    return Path(tempfile.gettempdir()) / f"{get_current_context()['dag'].dag_id}-slow"


@task
def slow():
    running().touch()
    time.sleep(120)


def wait_for_slow():
    while not running().exists():
        time.sleep(0.1)


@task
def breaks():
    wait_for_slow()
    raise RuntimeError("on purpose")


@task
def dies():
    wait_for_slow()
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


@task
def works():
    return "worked"


def case(dag_id, failing, **settings):
    with DAG(dag_id, fail_fast=True, default_args=settings):
        opened = works.override(task_id="opened")().as_setup()
        closed = teardown(task(task_id="closed")(lambda: "closed"))()
        opened >> [slow() >> works.override(task_id="below")(), failing()] >> EmptyOperator(task_id="end") >> closed
        opened >> closed


case("fast_breaks", breaks)
case("fast_dies", dies)
