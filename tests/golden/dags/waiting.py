"""Sensors: for a moment, with no container; in reschedule mode, as a loop through a Wait."""

from datetime import timedelta

from airflow.providers.standard.sensors.date_time import DateTimeSensor
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import DAG

with DAG("waiting"):
    later = TimeDeltaSensor(task_id="later", delta=timedelta(minutes=5))
    at = DateTimeSensor(task_id="at", target_time="2026-01-01T06:00:00+01:00", soft_fail=True)
    [later, at] >> PythonSensor(task_id="ready", python_callable=bool, mode="reschedule")
