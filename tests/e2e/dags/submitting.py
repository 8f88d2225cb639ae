"""DAGs that submit another DAG, which Airflow itself never runs."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG, task
from ductwork_airflow.operators import SubmitScheduleOperator

with DAG("remote_good") as good:

    @task
    def double(params=None):
        return 2 * 21

    @task
    def report(number):
        return f"it is {number}"

    report(double())

with DAG("remote_bad") as bad:

    @task
    def breaks():
        raise ValueError("the remote task is broken")

    breaks()

for target in ("stepfunctions", "batch"):
    for remote in ("good", "bad"):
        with DAG(f"submits_{remote}_{target}", tags=["e2e"]) as dag:
            SubmitScheduleOperator(
                task_id="submit",
                dag_file=str(Path(__file__)),
                remote_dag_id=f"remote_{remote}",
                target=target,
                deferrable=True,
                waiter_delay=1,
            )
        globals()[dag.dag_id] = dag
