"""DAGs for the fault tests. Their remote tasks leave a line each time they run, so that doubles show."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, get_current_context, task
from ductwork_airflow.delegate import delegate
from ductwork_airflow.operators import SubmitScheduleOperator

PLACE = Path(os.environ.get("AIRFLOW_HOME", "."))
TARGETS = ("stepfunctions", "batch")
# Every kill of a task's process, or of the scheduler above it, costs a try.
RETRIES = 50


@task
def step():
    context = get_current_context()
    with (PLACE / f"{context['run_id']}.trace").open("a") as file:
        file.write(f"{context['ti'].task_id}\n")
    time.sleep(1.5)
    if context["ti"].task_id == "right" and context["dag_run"].conf.get("fails"):
        raise ValueError("broken on purpose")


def work(dag_id):
    with DAG(dag_id) as dag:
        first, left, right, last = (step.override(task_id=name)() for name in ("first", "left", "right", "last"))
        first >> [left, right] >> last
    return dag


def submits(dag_id, target, deferrable):
    with DAG(dag_id) as dag:
        SubmitScheduleOperator(
            task_id="submit",
            dag_file=str(Path(__file__)),
            remote_dag_id="kills_work",
            target=target,
            deferrable=deferrable,
            waiter_delay=1,
            retries=RETRIES,
            retry_delay=timedelta(seconds=1),
        )
    return dag


found = [work("kills_work"), submits("kills_sync_stepfunctions", "stepfunctions", False)]
for target in TARGETS:
    found.append(submits(f"kills_deferred_{target}", target, True))
    found.append(delegate(work(f"kills_delegated_{target}"), target=target, retries=RETRIES))
globals().update({dag.dag_id: dag for dag in found})
