#!/usr/bin/env bash
# Airflow 3.3.2 (croniter 7.0.0), CronTriggerTimetable("30 2 * * *", Europe/Berlin), on the night when 02:30 comes twice.
# Expected: it fires at the first 02:30, as croniter itself does for an aware start, and EventBridge Scheduler by its documentation.
# Seen: it fires once, at the second (+01:00), and so does every cron whose hour field is not "*", "*/30 2 * * *" included.
# In spring, when there is no 02:30, it fires at 03:30 (croniter itself: 03:00; EventBridge Scheduler leaves that day out).
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 croniter==7.0.0
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
import pendulum
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

ZONE = "Europe/Berlin"


def fires(cron, day, number):
    timetable, last, found = CronTriggerTimetable(cron, timezone=ZONE), None, []
    restriction = TimeRestriction(earliest=pendulum.parse(day, tz=ZONE), latest=None, catchup=True)
    for _ in range(number):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=last and last.data_interval, restriction=restriction
        )
        last = info
        found.append(info.run_after.in_timezone(ZONE).format("MM-DD HH:mm Z"))
    return found


autumn, often, spring = (
    fires("30 2 * * *", "2026-10-24T12:00", 2),
    fires("*/30 2 * * *", "2026-10-25T00:00", 3),
    fires("30 2 * * *", "2026-03-28T12:00", 2),
)
print(autumn, often, spring, sep="\n")
assert autumn == ["10-25 02:30 +01:00", "10-26 02:30 +01:00"]
assert often == ["10-25 02:00 +01:00", "10-25 02:30 +01:00", "10-26 02:00 +01:00"]
assert spring == ["03-29 03:30 +02:00", "03-30 02:30 +02:00"]
PY
