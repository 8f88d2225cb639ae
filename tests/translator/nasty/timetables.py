"""Timetables that know more than the machine that compiles."""

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, EventsTimetable
from airflow.timetables.base import DataInterval, Timetable


class Calendar(Timetable):
    """Its method is one of pendulum's."""

    def infer_manual_data_interval(self, *, run_after):
        return DataInterval(run_after.subtract(days=1), run_after)

    def next_dagrun_info(self, **restrictions):
        return None


class Holidays(Timetable):
    """Reads a file of the scheduler's machine."""

    def infer_manual_data_interval(self, *, run_after):
        with open("/nowhere/holidays.txt") as days:
            return DataInterval.exact(days.read())

    def next_dagrun_info(self, **restrictions):
        return None


START = pendulum.datetime(2026, 1, 1)
for name, timetable in (
    ("events", EventsTimetable([pendulum.datetime(2026, 3, 1)])),
    ("calendar", Calendar()),
    ("holidays", Holidays()),
):
    with DAG(name, schedule=timetable, start_date=START):
        BashOperator(task_id="t", bash_command="true")
