"""Deferrable operators: their triggers run, and the task goes on where it left off."""

from datetime import timedelta

from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, BaseOperator


class Countdown(BaseOperator):
    """Defers twice before it ends."""

    def execute(self, context):
        self.defer(trigger=TimeDeltaTrigger(timedelta(0)), method_name="resumed")

    def resumed(self, context, event=None):
        if context["ti"].xcom_pull(task_ids="countdown", key="again") is None:
            context["ti"].xcom_push(key="again", value=True)
            self.defer(trigger=TimeDeltaTrigger(timedelta(0)), method_name="resumed")
        return event is not None


with DAG("deferring"):
    TimeDeltaSensor(task_id="wait", delta=timedelta(seconds=0), deferrable=True) >> Countdown(task_id="countdown")
