"""A DAG that does not compile."""

from __future__ import annotations

from airflow.sdk import DAG, task

with DAG("refused", tags=["ductwork"]):

    @task(executor_config={"ductwork": {"vcpus": "none"}})
    def asks_for_what_there_is_not():
        return None

    asks_for_what_there_is_not()
