#!/usr/bin/env bash
# Airflow 3.3.2: schedule=airflow.sdk.EventsTimetable([...]), the class that DAG files import.
# Expected: the DAG loads, as it does with the scheduler's class of the same name. Seen: no DAG with it can be serialized, and so none reaches
# the scheduler: "Failed to serialize DAG ...: '_summary'", a field that the scheduler's class reads back and the SDK's does not write.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2 apache-airflow-providers-standard==1.21.0
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
import pendulum
from airflow.sdk import DAG, EventsTimetable
from airflow.serialization.serialized_objects import DagSerialization

with DAG("events", schedule=EventsTimetable([pendulum.datetime(2026, 3, 1)])) as dag:
    pass
try:
    DagSerialization.to_dict(dag)
except Exception as error:
    print(type(error).__name__, error)
    assert "Failed to serialize DAG 'events': '_summary'" in str(error)
else:
    raise AssertionError("it is serialized")
PY
