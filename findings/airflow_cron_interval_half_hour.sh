#!/usr/bin/env bash
# Airflow 3.3.2 (croniter 7.0.0), CronDataIntervalTimetable("*/20 * * * *", Australia/Lord_Howe), whose clock is put back by 30 minutes.
# Expected: the intervals go on, 20 minutes each. Seen: on 5 April 2026 asking for the next run raises
# "ValueError: CronDataIntervalTimetable timetable did not advance past ..."; the scheduler can make no further run.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 croniter==7.0.0
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
import pendulum
from airflow.timetables.base import TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable

ZONE = "Australia/Lord_Howe"
timetable, info = CronDataIntervalTimetable("*/20 * * * *", pendulum.timezone(ZONE)), None
restriction = TimeRestriction(earliest=pendulum.datetime(2026, 4, 4, 20, tz=ZONE), latest=None, catchup=True)
try:
    for _ in range(100):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=info and info.data_interval, restriction=restriction
        )
except ValueError as error:
    print("after", info.run_after.in_timezone(ZONE), error)
    assert "did not advance" in str(error)
else:
    raise AssertionError("it goes on")
PY
