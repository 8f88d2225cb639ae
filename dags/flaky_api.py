"""A task that fails twice before it succeeds, as calls to other people's services do; Airflow's retries carry it."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task


@dag(schedule="@hourly", start_date=datetime(2026, 1, 1), catchup=False, tags=["example"])
def flaky_api():
    @task(retries=3, retry_delay=timedelta(seconds=1))
    def call(ti) -> int:
        if ti.try_number < 3:
            raise ConnectionError(f"the service did not answer (try {ti.try_number})")
        return ti.try_number

    @task
    def report(tries: int) -> str:
        return f"answered at try {tries}"

    report(call())


flaky_api()
