"""Schedules of a fixed length: every N minutes, every N months."""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ductwork.ir.timetable import SINCE_LAST, Every, Span, Timetable
from ductwork.schedules.aws_cron import AwsCron, year_text
from ductwork.schedules.expressions import UTC, CannotSayError, Expression, products
from ductwork.schedules.zones import LAST_YEAR

_MINUTE, _DAY = 60, 86_400
_UNITS = ((_DAY, "day"), (3600, "hour"), (_MINUTE, "minute"))
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Counted:
    """A rate, and from when it counts.

    :param start: naive UTC; None: from when the schedule is made
    :param grid: a moment from which it counts once ``start`` has passed, if not from ``start``
    :param anchored: once ``start`` has passed it still counts from a moment that is known
    """

    text: str
    period: int
    start: datetime | None
    grid: datetime | None
    anchored: bool


def of_length(every: Every, timetable: Timetable, earliest: datetime | None) -> list[Expression] | Counted:
    """What fires again and again after a length of time.

    :param earliest: naive UTC; Airflow counts from it
    :raises CannotSayError: it is not of whole minutes, or of months that are counted from no date
    """
    if every.span.months:
        return list(_dates(every.span, timetable, earliest))
    seconds = every.span.seconds
    if seconds < _MINUTE or seconds % _MINUTE:
        raise CannotSayError(f"every {seconds:g} seconds: EventBridge Scheduler knows whole minutes")
    if earliest is not None and (earliest.second or earliest.microsecond):
        raise CannotSayError(f"it counts from {earliest.isoformat()}, which is no whole minute")
    period = int(seconds)
    start = earliest
    if timetable.interval == SINCE_LAST and earliest is not None:
        start = earliest + timedelta(seconds=period)
    grid = _EPOCH if every.on_grid and not timetable.catchup else None
    same_grid = start is not None and not (start - _EPOCH).total_seconds() % period
    anchored = start is not None and (timetable.catchup or (grid is not None and same_grid))
    if anchored and start is not None and not _DAY % period:
        return list(_times_of_day(start, period))
    return Counted(_rate(period), period, start, grid, anchored or grid is not None)


def _rate(period: int) -> str:
    size, unit = next(each for each in _UNITS if not period % each[0])
    number = period // size
    return f"rate({number} {unit}{'s' if number > 1 else ''})"


def _times_of_day(start: datetime, period: int) -> Iterator[Expression]:
    times = [(start + timedelta(seconds=period) * number).time() for number in range(_DAY // period)]
    for hours, minutes in products(times):
        for text in AwsCron(minutes, hours).expressions():
            yield Expression(text, UTC, _rate(period))


def _dates(span: Span, timetable: Timetable, earliest: datetime | None) -> Iterator[Expression]:
    """Months differ in length, so that the days are listed: after a 31 January and a 28 February comes a 28 March."""
    if earliest is None:
        raise CannotSayError("a length of months counts from a start_date, and there is none")
    moment = stepped(earliest, span) if timetable.interval == SINCE_LAST else earliest
    if moment.second or moment.microsecond:
        raise CannotSayError(f"it counts from {earliest.isoformat()}, which is no whole minute")
    by_month: dict[tuple[int, int, int, int], list[int]] = defaultdict(list)
    while moment.year <= LAST_YEAR:
        by_month[moment.minute, moment.hour, moment.day, moment.month].append(moment.year)
        moment = stepped(moment, span)
    alike: dict[tuple[int, int, int, tuple[int, ...]], list[int]] = defaultdict(list)
    for (minute, hour, day, month), years in by_month.items():
        alike[minute, hour, day, tuple(years)].append(month)
    for (minute, hour, day, of_years), months in alike.items():
        part = AwsCron((minute,), (hour,), str(day), tuple(months), years=year_text(of_years))
        for text in part.expressions():
            yield Expression(text, UTC, f"every {span.months} months")


def stepped(moment: datetime, span: Span, sign: int = 1) -> datetime:
    """A moment and a span later, as ``relativedelta`` counts: months first, no day past the month's last."""
    number = moment.month - 1 + sign * span.months
    year, month = moment.year + number // 12, number % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day) + sign * timedelta(seconds=span.seconds)
