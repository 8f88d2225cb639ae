"""Sensors for a moment, as the machine evaluates them: until when it waits, and what the task ends in."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pendulum
import pytest
from airflow.sdk import timezone as airflow_timezone
from ductwork.backends.stepfunctions import machine
from ductwork.compiler import to_json
from ductwork.diagnostics import Diagnostics, Origin
from ductwork.ir import Concat, RunValue, Task, Text, Wait, Workflow
from ductwork.rules import moments
from jsonata_eval import evaluate_leaves

ORIGIN = Origin("case.py", 1)
ENTERED = "2026-01-01T10:00:00.000Z"
NOON = Text("2026-01-01T12:00:00.000Z")
HOUR = 3600.0


def at_noon(timeout=7 * 24 * HOUR, **more):
    return Wait("it", until=NOON, after_interval=None, timeout=timeout, **more)


def after(seconds, timeout=7 * 24 * HOUR, **more):
    return Wait("it", until=None, after_interval=seconds, timeout=timeout, **more)


def evaluated(work, end="2026-01-01T09:00:00.000Z"):
    """``(until when the state waits, its output)``."""
    task = Task(task_id="at", origin=ORIGIN, operator="x.Y", work=work)
    below = Task(task_id="below", origin=ORIGIN, operator="x.Y", work=work, upstream=("at",))
    workflow = Workflow(dag_id="dag", origin=ORIGIN, dag_file="case.py", bundle_path="/dags", tasks=(task, below))
    state = json.loads(to_json(machine.emit(workflow, Diagnostics())))["States"]["at"]
    bindings = {
        "states": {"input": {}, "context": {"State": {"EnteredTime": ENTERED}}},
        "run": {"end": end, "logical_date": end, "start": end},
    }
    return evaluate_leaves(state["Timestamp"], bindings), evaluate_leaves(state["Output"], bindings)["at"]


@pytest.mark.parametrize(
    ("work", "until", "ends"),
    [
        (at_noon(), "2026-01-01T12:00:00.000Z", "success"),
        (at_noon(2 * HOUR), "2026-01-01T12:00:00.000Z", "success"),
        (at_noon(2 * HOUR - 1), "2026-01-01T11:59:59.000Z", "failed"),
        (at_noon(HOUR), "2026-01-01T11:00:00.000Z", "failed"),
        (at_noon(HOUR, soft_fail=True), "2026-01-01T11:00:00.000Z", "skipped"),
        (at_noon(soft_fail=True), "2026-01-01T12:00:00.000Z", "success"),
        (after(2 * HOUR), "2026-01-01T11:00:00.000Z", "success"),
        (after(1.5), "2026-01-01T09:00:01.500Z", "success"),
        (after(4 * HOUR, HOUR), "2026-01-01T11:00:00.000Z", "failed"),
        (after(4 * HOUR, HOUR, soft_fail=True), "2026-01-01T11:00:00.000Z", "skipped"),
        (
            Wait("it", until=Concat((RunValue("ds"), Text("T16:30:00+05:30"))), after_interval=None, timeout=2 * HOUR),
            "2026-01-01T11:00:00.000Z",
            "success",
        ),
        (
            Wait("it", until=RunValue("ts"), after_interval=None, timeout=HOUR),
            "2026-01-01T09:00:00.000Z",
            "success",
        ),
    ],
    ids=str,
)
def test_how_long_and_what_then(work, until, ends):
    """A moment in the past ends the wait at once, as a sensor's first look does."""
    waits, output = evaluated(work)
    assert (waits, output["state"]) == (until, ends)


@pytest.mark.parametrize(("seconds", "passed"), [(HOUR / 2, True), (HOUR, False), (2 * HOUR, False)])
def test_a_deferrable_delta_sensor_that_need_not_defer_returns_true(seconds, passed):
    """The interval ended an hour before the state was entered."""
    _, output = evaluated(after(seconds, pushes=True))
    assert output["passed"] is passed
    assert "passed" not in evaluated(after(seconds))[1]


ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Casablanca", "Australia/Lord_Howe")
TEXTS = (
    *(
        "2026-01-02",
        "2026-07-02 06:00",
        "2026-01-01T06:00:00.5Z",
        "2026-01-01T06:00:00.123456",
        "2026-01-01T06:00-11:30",
    ),
    # A clock passes over these, or shows them twice.
    *("2026-03-29T02:30:00", "2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00", "2026-03-08T02:30"),
    *("2026-11-01T01:30:00", "2026-10-04T02:15:00", "2026-04-05T01:45:00", "2026-02-15T02:30:00", "2026-03-22T02:30"),
    *("2026-02-30", "2026-01-01T25:00"),
)


@pytest.mark.parametrize("zone", ZONES)
def test_texts_are_read_as_airflow_reads_them(zone):
    for text in TEXTS:
        try:
            moment = airflow_timezone.parse(text, timezone=pendulum.timezone(zone)).in_timezone("UTC")
            expected = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        except ValueError:
            expected = None
        assert getattr(moments.literal(text, zone), "value", None) == expected, text


def test_what_airflow_reads_in_ways_of_its_own_is_left_to_it():
    for text in ("06:00", "20260101", "2026-W01-1", "2026-01-01T06", "1 January 2026", " 2026-01-01", "2026-01-01Z"):
        assert moments.literal(text, "UTC") is None, text
    assert moments.literal("2026-01-01", "") is None
    assert moments.literal("2026-01-01", "Mars/Phobos") is None


def day(text):
    return Concat((RunValue("ds"), Text(text)))


@pytest.mark.parametrize(
    ("text", "zone", "found"),
    [
        ("", "UTC", RunValue("ds")),
        ("T06:00", "UTC", day("T06:00:00Z")),
        ("", "Asia/Kolkata", day("T00:00:00+05:30")),
        (" 06:00:30", "+05:30", day("T06:00:30+05:30")),
        ("T06:00+01:00", "Europe/Berlin", day("T06:00:00+01:00")),
        ("", "Europe/Berlin", None),
        ("", "", None),
        ("T25:00", "UTC", None),
        ("-x", "UTC", None),
    ],
)
def test_a_day_begins_in_the_default_time_zone(text, zone, found):
    assert moments.on_its_day(text, zone) == found


COMPILE = """
import json, sys
from ductwork.compiler import Options, compile_paths
made = compile_paths([sys.argv[1]], Options())
works = {task.task_id: [type(task.work).__name__, repr(getattr(task.work, "until", ""))] for task in made.workflows[0].tasks}
print("MADE", json.dumps(works))
"""
SENSORS = """
from datetime import datetime
from airflow.providers.standard.sensors.date_time import DateTimeSensor
from airflow.sdk import DAG

with DAG("case", schedule=None):
    DateTimeSensor(task_id="day", target_time="{{ ds }}")
    DateTimeSensor(task_id="hour", target_time="{{ ds }}T06:00:00")
    DateTimeSensor(task_id="text", target_time="2026-07-01T06:00")
    DateTimeSensor(task_id="naive", target_time=datetime(2026, 7, 1, 6))
    DateTimeSensor(task_id="moment", target_time="{{ ts }}")
"""


@pytest.mark.parametrize(
    ("zone", "day_work", "hour"), [("Europe/Berlin", "Worker", "04:00"), ("Asia/Tokyo", "Wait", "21:00")]
)
def test_airflow_s_default_time_zone_is_the_compiler_s(zone, day_work, hour, tmp_path):
    """Airflow reads it once in a process."""
    (tmp_path / "case.py").write_text(SENSORS)
    command = [sys.executable, "-c", COMPILE, str(tmp_path / "case.py")]
    environment = os.environ | {"AIRFLOW__CORE__DEFAULT_TIMEZONE": zone}
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    works = json.loads(next(line for line in out.splitlines() if line.startswith("MADE"))[5:])
    assert {name: kind for name, (kind, _) in works.items()} == {
        **{"day": day_work, "hour": day_work},
        **{"text": "Wait", "naive": "Wait", "moment": "Wait"},
    }
    assert f"T{hour}:00.000Z" in works["text"][1]
    assert works["naive"] == works["text"]
    if day_work == "Wait":
        assert works["day"][1] == repr(day("T00:00:00+09:00"))
        assert works["hour"][1] == repr(day("T06:00:00+09:00"))
