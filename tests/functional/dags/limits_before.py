"""A DAG of ``limits.py`` as it was before it had its newer tasks."""

from airflow.sdk import DAG, task

with DAG("past_of_new"):

    @task(depends_on_past=True)
    def old():
        pass

    old()
