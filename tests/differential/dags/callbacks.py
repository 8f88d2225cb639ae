"""Callbacks run in the worker, in Airflow's order; they leave their marks in files next to one another."""

import tempfile
from pathlib import Path

from airflow.exceptions import AirflowSkipException
from airflow.sdk import DAG, task

MARKS = Path(tempfile.gettempdir()) / "ductwork_callbacks"


def mark(name):
    def callback(context):
        MARKS.mkdir(exist_ok=True)
        with (MARKS / context["run_id"].replace(":", "-")).open("a") as file:
            file.write(f"{name} {context['ti'].task_id}\n")

    return callback


with DAG("callbacks"):
    hooks = {
        "on_execute_callback": mark("execute"),
        "on_success_callback": mark("success"),
        "on_failure_callback": mark("failure"),
        "on_skipped_callback": mark("skipped"),
    }

    @task(**hooks)
    def works():
        return 1

    @task(**hooks)
    def breaks():
        raise ValueError("on purpose")

    @task(**hooks)
    def skips():
        raise AirflowSkipException

    @task(trigger_rule="all_success")
    def reads(run_id):
        path = MARKS / run_id.replace(":", "-")
        lines = sorted(path.read_text().splitlines())
        path.unlink()
        return lines

    first = works()
    first >> reads()
    breaks()
    skips()
