"""The timetable of a DAG as plain data.

Only the classes of Airflow itself are read. What an author's own class does is in its code, so it stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from croniter import CroniterBadDateError, croniter

from ductwork.frontend.compat import core_timetable
from ductwork.frontend.held import held
from ductwork.frontend.plain import dotted_name, plain
from ductwork.ir import timetable as ir
from ductwork.ir.asset_condition import AllOf, AnyOf, AssetUpdate, Condition

if TYPE_CHECKING:
    from airflow.sdk import DAG
    from airflow.timetables.base import Timetable
    from dateutil.relativedelta import relativedelta

_OWN = "airflow.timetables."
# What of a relativedelta is no length of time.
_ABSOLUTE = ("year", "month", "day", "weekday", "hour", "minute", "second", "microsecond", "leapdays")
_MINUTE_FIELDS, _SECONDS, _YEARS = 5, 5, 6
_EVERY_HOUR = range(24)


def of_dag(dag: DAG) -> ir.Timetable | None:
    """The timetable of a DAG; None if only people start it.

    :raises BaseException: what an author's timetable raises
    """
    timetable = core_timetable(dag.timetable)
    if type(timetable).__name__ in ("NullTimetable", "PartitionedAtRuntime"):
        return None
    earliest, latest = _bounds(dag)
    assets = None
    if type(timetable).__name__ == "AssetOrTimeSchedule":
        assets, timetable = _assets(timetable), timetable.timetable
    return ir.Timetable(
        when=_when(timetable),
        assets=assets,
        interval=_interval(timetable),
        catchup=bool(dag.catchup),
        earliest=_text(earliest),
        latest=_text(latest),
        partition=_partition(timetable),
    )


def _bounds(dag: DAG) -> tuple[datetime | None, datetime | None]:
    """As Airflow's scheduler takes them together: the first start of all, the last end if there is no task without."""
    dates = [dag.start_date, *(task.start_date for task in dag.tasks)]
    starts = [date for date in dates if date is not None]
    ends = [task.end_date for task in dag.tasks if task.end_date is not None]
    latest = dag.end_date
    if len(ends) == len(dag.tasks):
        latest = max([*ends, *([latest] if latest is not None else [])], default=None)
    return min(starts, default=None), latest


def _text(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(timezone.utc).isoformat()


def _when(timetable: Timetable) -> ir.When:
    name = type(timetable).__name__
    if not dotted_name(type(timetable)).startswith(_OWN) or name not in _READERS:
        return ir.Unknown(f"the timetable {dotted_name(type(timetable))} is code of its own")
    return _READERS[name](timetable)


def _of_cron(timetable: Timetable) -> ir.When:
    cron = cron_of(timetable)
    return cron if isinstance(cron, ir.Unknown) else ir.Crons((cron,))


def _of_crons(timetable: Timetable) -> ir.When:
    crons = [cron_of(each) for each in timetable._timetables]
    unknown = next((each for each in crons if isinstance(each, ir.Unknown)), None)
    return unknown or ir.Crons(tuple(each for each in crons if isinstance(each, ir.Cron)))


def _of_delta(timetable: Timetable) -> ir.When:
    span = _span(timetable._delta)
    if isinstance(span, ir.Unknown):
        return span
    return ir.Every(span, on_grid=type(timetable).__name__ == "DeltaDataIntervalTimetable" and not span.months)


def _of_events(timetable: Timetable) -> ir.When:
    return ir.Events(tuple(sorted({_text(date) for date in timetable.event_dates})))


def _assets(timetable: Timetable) -> ir.Assets:
    return ir.Assets(_condition(timetable.asset_condition))


def _condition(node: object) -> Condition:
    """An asset, a reference or a condition; the scheduler's classes are named like those of airflow.sdk."""
    kind = type(node).__name__
    if (inner := getattr(node, "objects", None)) is not None:
        members = tuple(_condition(each) for each in inner)
        return AllOf(members) if kind.endswith("All") else AnyOf(members)
    if kind.endswith("AssetAlias"):
        return AssetUpdate(alias=str(plain(held(node, "name"))))
    return AssetUpdate(str(plain(held(node, "name") or "")), str(plain(held(node, "uri") or "")))


def _of_partitions(_: Timetable) -> ir.When:
    return ir.Unknown(
        "updates of partitions of assets start it (PartitionedAssetTimetable): Airflow's partition mappers, which are "
        "Python code, say which run an event belongs to"
    )


_READERS: dict[str, Callable[[Timetable], ir.When]] = {
    "CronTriggerTimetable": _of_cron,
    "CronDataIntervalTimetable": _of_cron,
    "CronPartitionTimetable": _of_cron,
    "MultipleCronTriggerTimetable": _of_crons,
    "DeltaTriggerTimetable": _of_delta,
    "DeltaDataIntervalTimetable": _of_delta,
    "EventsTimetable": _of_events,
    "OnceTimetable": lambda _: ir.Once(),
    "ContinuousTimetable": lambda _: ir.Continuous(),
    "AssetTriggeredTimetable": _assets,
    "PartitionedAssetTimetable": _of_partitions,
}


def _interval(timetable: Timetable) -> str | ir.Span:
    name = type(timetable).__name__
    if name.endswith("DataIntervalTimetable"):
        return ir.SINCE_LAST
    first = timetable._timetables[0] if name == "MultipleCronTriggerTimetable" else timetable
    span = _span(getattr(first, "_interval", timedelta()))
    return span if isinstance(span, ir.Span) and span else ir.MOMENT


def _partition(timetable: Timetable) -> ir.Partition | None:
    if type(timetable).__name__ != "CronPartitionTimetable":
        return None
    return ir.Partition(timetable._run_offset, timetable._key_format)


def cron_of(timetable: Timetable) -> ir.Cron | ir.Unknown:
    """The cron of a timetable of the scheduler's that has one."""
    expression = timetable._expression
    read = croniter(expression)
    fields, nth = read.expanded, read.nth_weekday_of_month
    nearest = getattr(read, "nearest_weekday", ())
    if "r" in _letters(expression):
        return ir.Unknown(f"{expression!r} has random fields: Airflow draws other times at each look")
    if len(fields) > _SECONDS and fields[_SECONDS] != [0]:
        return ir.Unknown(f"{expression!r} fires at seconds other than 0, and EventBridge Scheduler knows minutes")
    if len(fields) <= _YEARS and _never_found(expression):
        return ir.Unknown(f"croniter finds no day for {expression!r}, so Airflow starts it never, either")
    if nearest and nth:
        return ir.Unknown(f"{expression!r} gives W and # together")
    minutes, hours, days, months, weekdays = (_numbers(field) for field in fields[:_MINUTE_FIELDS])
    return ir.Cron(
        expression=expression,
        zone=str(timetable._timezone.name),
        minutes=minutes or tuple(range(60)),
        hours=hours or tuple(_EVERY_HOUR),
        every_hour=not hours,
        days=days,
        last_day="l" in fields[2],
        nearest_weekday=next(iter(nearest), 0),
        months=months,
        weekdays=() if nth else weekdays,
        nth=tuple(sorted((day, ir.LAST if n == "l" else n) for day, places in nth.items() for n in places)),
        years=_numbers(fields[_YEARS]) if len(fields) > _YEARS else (),
    )


def _never_found(expression: str) -> bool:
    try:
        croniter(expression, datetime(2026, 1, 1)).get_next()
    except CroniterBadDateError:
        return True
    return False


def _letters(expression: str) -> set[str]:
    """The letters that are words of their own, so no part of a month's or a day's name."""
    words = "".join(each if each.isalpha() else " " for each in expression.lower()).split()
    return {word for word in words if len(word) == 1}


def _numbers(field: list[int | str]) -> tuple[int, ...]:
    return tuple(sorted(each for each in field if isinstance(each, int)))


def _span(delta: timedelta | relativedelta) -> ir.Span | ir.Unknown:
    if isinstance(delta, timedelta):
        return ir.Span(seconds=delta.total_seconds())
    if any(getattr(delta, name) for name in _ABSOLUTE):
        return ir.Unknown(f"{delta!r} is no length of time")
    rest = timedelta(
        days=delta.days,
        hours=delta.hours,
        minutes=delta.minutes,
        seconds=delta.seconds,
        microseconds=delta.microseconds,
    )
    return ir.Span(delta.years * 12 + delta.months, rest.total_seconds())
