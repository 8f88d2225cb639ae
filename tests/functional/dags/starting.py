"""Runs that a task starts, in every way that a TriggerDagRunOperator has."""

from datetime import datetime

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.sdk import DAG, task

START = datetime(2026, 1, 1)


def trigger(task_id, **arguments):
    return TriggerDagRunOperator(task_id=task_id, trigger_dag_id="started", poke_interval=1, **arguments)


with DAG("starting", schedule=None, start_date=START, params={"n": 1764437493415123}):

    @task
    def told(ti=None):
        return ti.xcom_pull(task_ids="fixed", key="trigger_run_id")

    fixed = trigger("fixed", trigger_run_id="fixed", conf={"n": "{{ params.n }}", "big": 1764437493415123, "half": 0.1})
    skips = trigger("skips", trigger_run_id="fixed", skip_when_already_exists=True)
    fixed >> [trigger("again", trigger_run_id="fixed"), skips, told()]
    waits = trigger("waits", wait_for_completion=True, logical_date="{{ ts }}", note="by {{ dag.dag_id }}")
    sees = ExternalTaskSensor(task_id="sees", external_dag_id="started", external_task_id="works", poke_interval=1)
    waits >> sees
    fails = trigger("fails", conf={"fail": True}, wait_for_completion=True, deferrable=True)
    takes = trigger("takes", conf={"fail": True}, wait_for_completion=True, allowed_states=["failed"], failed_states=[])
    unknown = TriggerDagRunOperator(task_id="unknown", trigger_dag_id="nobody")
    waits >> trigger("resets", trigger_run_id="fixed", reset_dag_run=True, wait_for_completion=True)
    fixed >> trigger("last", trigger_run_id="last", conf={"sleep": 3})

with DAG("started", schedule=None, start_date=START):

    @task
    def works(dag_run=None):
        import time

        time.sleep(dag_run.conf.get("sleep", 0))
        if dag_run.conf.get("fail"):
            raise ValueError("asked to")
        return dag_run.conf

    works()
