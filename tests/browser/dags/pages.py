"""DAGs whose pages are looked at: one that succeeds, one that fails twice, one that waits to be marked, one refused."""

from __future__ import annotations

import time
from datetime import timedelta

from airflow.sdk import DAG, task

TAGS = ["ductwork"]


@task
def works():
    print("it works")


@task(retries=1, retry_delay=timedelta(seconds=1))
def breaks(ti=None):
    print(f"about to break, try {ti.try_number}")
    raise ValueError("the author's own error")


@task
def sleeps():
    time.sleep(600)


@task
def below():
    print("it goes on")


with DAG("good", tags=TAGS):
    works()

with DAG("bad", tags=TAGS):
    works() >> breaks()

with DAG("slow", tags=TAGS):
    sleeps() >> below()
