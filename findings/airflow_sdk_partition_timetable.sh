#!/usr/bin/env bash
# Airflow 3.3.2: there are two classes CronPartitionTimetable, the scheduler's and airflow.sdk's, which DAG files import.
# Expected: both say that they make partitions. Seen: only the scheduler's has the attribute "partitioned"; of a DAG file's own
# object nothing tells but its class.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
import airflow.sdk
from airflow.timetables.trigger import CronPartitionTimetable

scheduled = CronPartitionTimetable("0 0 * * *", timezone="UTC")
written = airflow.sdk.CronPartitionTimetable("0 0 * * *", timezone="UTC")
print("scheduler:", scheduled.partitioned, "DAG file:", hasattr(written, "partitioned"))
assert scheduled.partitioned
assert not hasattr(written, "partitioned")
PY
