"""The expressions of a cron fire when Airflow's own timetable does, in each zone and across the changes of its clock.

Airflow says when by ``next_dagrun_info``; an evaluator that knows nothing of ours says what the expressions do.
"""

from __future__ import annotations

import contextlib
import itertools
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import aws_cron_reading
import pendulum
import pytest
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable
from cron_corpus import FORMS, ZONES, drawn
from croniter import CroniterBadDateError
from ductwork.frontend import timetables
from ductwork.ir.timetable import Unknown
from ductwork.schedules.expressions import exact
from ductwork.schedules.firings import Firings

BEGIN, END = datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2028, 12, 31, 23, 59, tzinfo=timezone.utc)
# Crons with more firings a year are looked at around the changes of the clock and at the end of February only.
MANY, MANY_OF_ALL = 100, 1500
# Firings in two days, beyond which other judges are asked about two days only.
DENSE = 40


def timetable(expression, zone):
    return CronTriggerTimetable(expression, timezone=zone)


def cron_of(expression, zone):
    return timetables.cron_of(timetable(expression, zone))


def airflow_fires(expression, zone, first, last):
    """As Airflow's scheduler goes from run to run with ``catchup``."""
    asked, info, found = timetable(expression, zone), None, set()
    restriction = TimeRestriction(pendulum.instance(first), pendulum.instance(last), catchup=True)
    # Past the last year that an expression names croniter raises, and Airflow starts no more runs.
    with contextlib.suppress(CroniterBadDateError):
        while info := asked.next_dagrun_info(
            last_automated_data_interval=info and info.data_interval, restriction=restriction
        ):
            assert info.run_after not in found, "Airflow never starts a run twice"
            found.add(datetime.fromisoformat(info.run_after.isoformat()))
    return found


def changes(zone):
    """Days before the clock of a zone changes, and the last of February."""
    info = ZoneInfo(zone)
    days = [BEGIN + timedelta(days=each) for each in range((END - BEGIN).days)]
    offsets = [day.astimezone(info).utcoffset() for day in days]
    yield from (day for day, (one, other) in zip(days, itertools.pairwise(offsets), strict=False) if one != other)
    yield from (datetime(year, 2, 27, tzinfo=timezone.utc) for year in (2026, 2028))


def windows(expressions, zone, many):
    week = [BEGIN + timedelta(days=14), BEGIN + timedelta(days=21)]
    a_year = 52 * len(set().union(*(aws_cron_reading.fires(text, in_zone, *week) for text, in_zone in expressions)))
    if a_year <= many:
        return [(BEGIN, END)]
    around = timedelta(days=3) if a_year < 10_000 else timedelta(hours=26)
    return [(day + timedelta(hours=24) - around, day + around) for day in changes(zone)]


def differing(expression, zone, many):
    """Firings of only Airflow, and of only the expressions."""
    cron = cron_of(expression, zone)
    if isinstance(cron, Unknown):
        return sorted(airflow_fires(expression, zone, BEGIN, END)), []
    expressions = [(each.text, each.zone) for each in exact(cron)]
    only_airflow, only_aws = set(), set()
    for first, last in windows(expressions, zone, many):
        airflow = airflow_fires(expression, zone, first, last)
        # Schedules start at the first firing.
        start = Firings(cron).at_or_after(first.replace(tzinfo=None))
        begin = start.replace(tzinfo=timezone.utc) if start else last
        aws = set().union(*(aws_cron_reading.fires(text, in_zone, begin, last) for text, in_zone in expressions))
        only_airflow |= airflow - aws
        only_aws |= aws - airflow
    return sorted(only_airflow), sorted(only_aws)


SAMPLE = [(expression, ZONES[number % len(ZONES)]) for number, expression in enumerate(FORMS)]


@pytest.mark.parametrize(("expression", "zone"), SAMPLE)
def test_the_expressions_fire_when_airflow_does(expression, zone):
    assert differing(expression, zone, MANY) == ([], [])


@pytest.mark.long
@pytest.mark.parametrize("zone", ZONES)
def test_all_expressions_fire_when_airflow_does(zone):
    wrong = {}
    for expression in (*FORMS, *drawn(500)):
        if (differs := differing(expression, zone, MANY_OF_ALL)) != ([], []):
            wrong[expression] = differs
    assert wrong == {}


def misread(expressions):
    """Of the schedules of crons, those that our evaluator and aws-croniter, which knows UTC alone, read differently."""
    judge = pytest.importorskip("aws_croniter", reason="an older .venv: make test installs the dev extra anew")
    wrong = {}
    for text in sorted({each.text for each in itertools.chain.from_iterable(map(exact, expressions))}):
        # Over a turn of the year and the end of a February with 29 days; of dense ones two days.
        day = datetime(2027, 12, 30, tzinfo=timezone.utc)
        last = day + timedelta(days=2)
        if len(ours := aws_cron_reading.fires(text, "UTC", day, last)) <= DENSE:
            last = datetime(2028, 3, 2, tzinfo=timezone.utc)
            ours = aws_cron_reading.fires(text, "UTC", day, last)
        theirs = set(judge.AwsCroniter(text.removeprefix("cron(")[:-1]).get_all_schedule_bw_dates(day, last))
        if theirs != ours:
            wrong[text] = sorted(theirs ^ ours)
    return wrong


def crons_of(sample):
    found = (cron_of(expression, zone) for expression, zone in sample)
    return [cron for cron in found if not isinstance(cron, Unknown)]


def test_the_evaluator_reads_expressions_as_another_does():
    assert misread(crons_of(SAMPLE[::3])) == {}


@pytest.mark.long
def test_the_evaluator_reads_all_expressions_as_another_does():
    assert misread(crons_of(itertools.product((*FORMS, *drawn(500)), ZONES))) == {}
