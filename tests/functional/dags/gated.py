"""``flaky`` fails until a file exists; ``waits`` waits for another."""

import time
from datetime import datetime
from pathlib import Path

from airflow.sdk import DAG, Param, task

with DAG("gated", schedule=None, start_date=datetime(2026, 1, 1), params={"gate": ""}) as dag:

    @task
    def first(params=None):
        print("first was here")
        return "first"

    @task
    def flaky(value, ti=None, params=None):
        if not Path(params["gate"]).exists():
            raise ValueError("the gate is closed")
        return f"{value}, then flaky at try {ti.try_number} of {ti.max_tries + 1}"

    @task
    def last(value):
        return value

    last(flaky(first()))

with DAG("waiting", schedule=None, start_date=datetime(2026, 1, 1)) as dag:

    @task
    def waits():
        time.sleep(120)

    @task
    def after():
        pass

    waits() >> after()

with DAG("strict", schedule=None, start_date=datetime(2026, 1, 1), params={"level": Param("low", type="string")}):

    @task
    def never():
        pass

    never()
