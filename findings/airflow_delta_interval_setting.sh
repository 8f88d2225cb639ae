#!/usr/bin/env bash
# Airflow 3.3.2: [scheduler] create_delta_data_intervals, of which the reference says that it decides what schedule=timedelta(...) becomes.
# Expected: with it a DataInterval timetable, without it a trigger timetable. Seen: airflow.sdk reads create_cron_data_intervals in its
# place, for lengths of time as for crons; the setting itself changes nothing.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
import datetime
import os

from airflow.sdk import DAG


def made(**settings):
    names = {f"AIRFLOW__SCHEDULER__CREATE_{name.upper()}_DATA_INTERVALS": value for name, value in settings.items()}
    os.environ.update(names)
    return type(DAG("lengths", schedule=datetime.timedelta(hours=1)).timetable).__name__


seen = made(delta="True", cron="False"), made(delta="False", cron="True")
print(seen)
assert seen == ("DeltaTriggerTimetable", "DeltaDataIntervalTimetable")
PY
