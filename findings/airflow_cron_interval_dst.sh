#!/usr/bin/env bash
# Airflow 3.3.2, CronTriggerTimetable("0 3 * * *", Europe/Berlin, interval=one day) across the change to summer time.
# Expected: the data intervals of two days' runs meet, 03:00 to 03:00, as those of CronDataIntervalTimetable do.
# Seen: the interval is subtracted in UTC, so that day's begins at 02:00 local time, and an hour of data belongs to two runs.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 croniter==7.0.0
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
import datetime

import pendulum
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

ZONE = "Europe/Berlin"
timetable = CronTriggerTimetable("0 3 * * *", timezone=ZONE, interval=datetime.timedelta(days=1))
restriction = TimeRestriction(earliest=pendulum.datetime(2026, 3, 28, tz=ZONE), latest=None, catchup=True)
first = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction).data_interval
second = timetable.next_dagrun_info(last_automated_data_interval=first, restriction=restriction).data_interval
print("first ends", first.end.in_timezone(ZONE), "second begins", second.start.in_timezone(ZONE))
assert first.end.in_timezone(ZONE).format("MM-DD HH:mm") == "03-28 03:00"
assert second.start.in_timezone(ZONE).format("MM-DD HH:mm") == "03-28 02:00"
PY
