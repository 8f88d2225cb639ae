#!/usr/bin/env bash
# Airflow 3.3.2 with croniter 7.0.0: seven-field crons are accepted (seconds, then the year): "0 0 1 1 * 0 2027".
# Expected: the first run is on 1 January 2027.
# Seen: the timetable validates, but as long as no year that it names has come, asking it for the first run raises
# CroniterBadDateError, for Airflow looks for the time *before* the start date first.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 croniter==7.0.0
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
import pendulum
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

timetable = CronTriggerTimetable("0 0 1 1 * 0 2027", timezone="UTC")
timetable.validate()
restriction = TimeRestriction(earliest=pendulum.datetime(2026, 3, 1), latest=None, catchup=True)
try:
    timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
except Exception as error:
    print(type(error).__name__, error)
    assert type(error).__name__ == "CroniterBadDateError"
else:
    raise AssertionError("the first run is found")
PY
