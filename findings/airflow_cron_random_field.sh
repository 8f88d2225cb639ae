#!/usr/bin/env bash
# Airflow 3.3.2 with croniter 7.0.0: a schedule with R fields ("R R * * *").
# Expected: refused, like "H H * * *" ("Hashed definitions must include hash_id"), or one random time that stays.
# Seen: the DAG validates, and each look at the timetable draws anew: two looks at the same moment give two times for the next run.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 croniter==7.0.0
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
import pendulum
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

restriction = TimeRestriction(earliest=pendulum.datetime(2026, 3, 1), latest=None, catchup=True)


def next_run():
    timetable = CronTriggerTimetable("R R * * *", timezone="UTC")
    timetable.validate()
    return timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction).run_after


looks = {next_run().isoformat() for _ in range(20)}
print(len(looks), "times for the same run, such as", *sorted(looks)[:3])
assert len(looks) > 1
try:
    CronTriggerTimetable("H H * * *", timezone="UTC").validate()
except Exception as error:
    print("H:", error)
else:
    raise AssertionError("H is taken")
PY
