"""Dates, interval and id of a scheduled run, which the machine works out of the moment that its schedule says, are
those of Airflow's run."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pendulum
import pytest
from airflow.timetables.base import TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable
from airflow.utils.types import DagRunType
from compiling import compile_text
from cron_corpus import FORMS, ZONES, drawn
from croniter import CroniterBadDateError
from ductwork.backends.stepfunctions import inputs, scheduled_input
from ductwork.backends.stepfunctions.asl.printer import code
from ductwork.frontend import timetables
from ductwork.ir.timetable import SINCE_LAST, Cron, Crons, Every, Span, Timetable
from ductwork.schedules.intervals import rule_of
from jsonata_eval import evaluate
from jsonata_reference import judged
from test_cron_exact import changes

_CONTEXT = {"Execution": {"StartTime": "2026-02-03T04:05:06.789Z"}}


def as_data(timetable):
    when = timetables.cron_of(timetable)
    assert isinstance(when, Cron)
    return Timetable(Crons((when,)), interval=SINCE_LAST)


def runs(timetable, first, last):
    """Airflow's runs that are due between two moments, by the moment."""
    info, found = None, {}
    restriction = TimeRestriction(pendulum.instance(first - timedelta(days=40)), None, catchup=True)
    try:
        while info := timetable.next_dagrun_info(
            last_automated_data_interval=info and info.data_interval, restriction=restriction
        ):
            if info.run_after > last:
                break
            if info.run_after >= first:
                found[f"{info.run_after:%Y-%m-%dT%H:%M:%SZ}"] = info
    except (CroniterBadDateError, ValueError):
        # Past the years of the expression; or where Airflow finds no way on, as of "*/20" where clocks go back by 30 minutes.
        pass
    return found


def made(rule, moments):
    """What the first state makes of each moment, all in one evaluation: reading the expression is what takes long."""
    source = scheduled_input.filled(rule)
    expression = code(inputs.run_values("dag", {}, [scheduled_input.REFUSED], source))
    each = "($states := {'input': {'scheduled_time': $}, 'context': $context}; " + expression + ")"
    return evaluate(f"[$moments.{each}]", {"moments": moments, "context": _CONTEXT})


def expected(timetable, info):
    interval = info.data_interval
    run_id = timetable.generate_run_id(run_type=DagRunType.SCHEDULED, run_after=info.run_after, data_interval=interval)
    return {
        "id": run_id,
        "type": "scheduled",
        "logical_date": info.logical_date.isoformat(),
        "start": interval.start.isoformat(),
        "end": interval.end.isoformat(),
        "refused": "",
    }


def around(zone, number):
    days = [*list(changes(zone))[:number], datetime(2028, 2, 27, tzinfo=timezone.utc)]
    return [(day - timedelta(days=1), day + timedelta(days=3)) for day in days]


def compare(timetable, rule, windows, most):
    """Some of the runs in each window of time."""
    chosen = {}
    for first, last in windows:
        found = sorted(runs(timetable, first, last).items())
        chosen |= dict(found[:: max(1, len(found) // most)])
    wanted = [expected(timetable, info) for info in chosen.values()]
    assert wanted
    assert [{name: run[name] for name in wanted[0]} for run in made(rule, list(chosen))] == wanted


INTERVALS = [
    ("30 2 * * *", "Europe/Berlin"),
    ("30,45 2 * * *", "Europe/Berlin"),
    ("0 * * * 0,1", "Europe/Berlin"),
    ("*/30 3 * * *", "Australia/Lord_Howe"),
    ("0 9 * * MON-FRI", "America/New_York"),
    ("0 0 1,15 * *", "Africa/Casablanca"),
    ("0 0 L * FRI", "Europe/Berlin"),
    ("15 6 * * L5", "Asia/Kolkata"),
]


@pytest.mark.parametrize(("expression", "zone"), INTERVALS)
def test_an_interval_begins_at_the_firing_before(expression, zone):
    timetable = CronDataIntervalTimetable(expression, pendulum.timezone(zone))
    compare(timetable, rule_of(as_data(timetable)), around(zone, 2), 4)


@pytest.mark.long
@pytest.mark.parametrize("zone", ZONES)
def test_all_intervals_begin_at_the_firing_before(zone):
    without = []
    for expression in (*FORMS, *drawn(500)):
        timetable = CronDataIntervalTimetable(expression, pendulum.timezone(zone))
        if not isinstance(timetables.cron_of(timetable), Cron):
            continue  # Airflow starts it never.
        if (rule := rule_of(as_data(timetable))) is None:
            without.append(expression)
        elif any(runs(timetable, *window) for window in around(zone, 6)):
            compare(timetable, rule, around(zone, 6), 30)
    # Minutes of some days only, all listed, would be too much for a machine: DW313.
    assert len(without) < 20, without


@pytest.mark.parametrize(
    "timetable",
    [
        CronTriggerTimetable("0 4 * * *", timezone="Europe/Berlin", interval=timedelta(hours=30)),
        DeltaDataIntervalTimetable(timedelta(minutes=90)),
    ],
)
def test_an_interval_of_a_length_is_subtracted(timetable):
    name = type(timetable).__name__
    when = Every(Span(seconds=5400)) if name.startswith("Delta") else Crons((timetables.cron_of(timetable),))
    rule = rule_of(Timetable(when, interval=SINCE_LAST if name.startswith("Delta") else Span(seconds=30 * 3600)))
    with judged():
        compare(timetable, rule, around("Europe/Berlin", 2), 4)


def test_a_dag_that_has_an_interval_takes_the_scheduled_time(tmp_path):
    """From the DAG file: the schedule says it, the machine knows what to make of it, and DW313 is gone."""
    body = """
    from airflow.sdk import CronDataIntervalTimetable
    with DAG("case", schedule=CronDataIntervalTimetable("0 6 * * MON-FRI", "Europe/Berlin")):
        BashOperator(task_id="t", bash_command="echo {{ data_interval_start }}")
    """
    compiled = compile_text(tmp_path, body, unattended=True)
    assert list(compiled.diagnostics) == []
    (artefact,) = compiled.artefacts
    (schedule,) = artefact.started_by.schedules
    given = json.loads(schedule.input.replace("<aws.scheduler.scheduled-time>", "2026-03-30T04:00:00Z"))
    expression = artefact.document["States"]["Prepare run"]["Assign"]["run"].removeprefix("{%").removesuffix("%}")
    run = evaluate(expression, {"states": {"input": given, "context": _CONTEXT | {"Execution": EXECUTION}}})
    assert (run["id"], run["start"], run["end"]) == (
        "scheduled__2026-03-30T04:00:00+00:00",
        "2026-03-27T05:00:00+00:00",
        "2026-03-30T04:00:00+00:00",
    )
    bad = evaluate(expression, {"states": {"input": {"scheduled_time": "soon"}, "context": {"Execution": EXECUTION}}})
    assert bad["refused"] == "scheduled_time must be a time in UTC, like 2026-01-02T03:04:05Z"


EXECUTION = {
    "StartTime": "2026-02-03T04:05:06.789Z",
    "Id": "arn:aws:states:eu-west-1:123456789012:execution:case:1",
}
