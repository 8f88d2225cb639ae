"""The expressions that fire exactly when Airflow starts runs by a cron.

Most crons are one expression in their own zone. Where clocks change between two of a cron's times, Airflow and
EventBridge Scheduler differ, and there are more: the expression without the days of that month, those days by
themselves, and what Airflow does at the change, in UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from ductwork.ir.timetable import Cron, last_of_month, weekday_of
from ductwork.schedules.aws_cron import AwsCron, field_text, of_cron, year_text
from ductwork.schedules.clock_changes import differences
from ductwork.schedules.firings import Firings
from ductwork.schedules.zones import LAST_YEAR, YEARS, Zone, fixed_offset

UTC = "UTC"
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_LAST_OF_AWS = 2199


class CannotSayError(Exception):
    """A cron that EventBridge Scheduler cannot say; the text says why."""


@dataclass(frozen=True)
class Expression:
    """One expression and the zone that it is read in.

    :param why: what it is for, in words
    """

    text: str
    zone: str
    why: str = ""


def exact(cron: Cron) -> list[Expression]:
    """All that fires by a cron, each moment at least once.

    :raises CannotSayError: no expression says it
    """
    firings = Firings(cron)
    if (shifted := in_utc(cron, firings.zone)) is not None:
        return _written(of_cron(shifted), UTC, f"{cron.expression} in {cron.zone}")
    zone = _iana(cron)
    found = differences(firings)
    why = cron.expression
    if not found:
        return _written(of_cron(cron), zone, why)
    return [
        *_written(_without(cron, found.spurious), zone, why),
        *_written(_moments(found.missing), UTC, f"{why} where the clock of {zone} changes"),
    ]


def _written(parts: Iterable[AwsCron], zone: str, why: str) -> list[Expression]:
    return [Expression(text, zone, why) for part in parts for text in part.expressions()]


def in_utc(cron: Cron, zone: Zone) -> Cron | None:
    """The same in UTC, where neither days nor changes of the clock matter; None where they may.

    :raises CannotSayError: AWS knows no zone of its offset, and its days matter
    """
    if zone.offsets == [timedelta()]:
        return cron
    minutes = {offset % _HOUR for offset in zone.offsets}
    if cron.every_hour and cron.any_day and len(minutes) == 1:
        shift = int(minutes.pop() / timedelta(minutes=1))
        return replace(cron, zone=UTC, minutes=tuple(sorted((minute - shift) % 60 for minute in cron.minutes)))
    if (fixed := fixed_offset(cron.zone)) is None or not fixed % _HOUR:
        return None
    moved = [datetime.combine(date(2026, 1, 2), time(h, m)) - fixed for h in cron.hours for m in cron.minutes]
    hours, of_hours = sorted({each.hour for each in moved}), sorted({each.minute for each in moved})
    if len(hours) * len(of_hours) != len(moved):
        raise CannotSayError(
            f"{cron.expression!r} in the zone {cron.zone} is no single expression in any zone of AWS's"
        )
    if cron.any_day or {each.day for each in moved} == {2}:
        return replace(cron, zone=UTC, hours=tuple(hours), minutes=tuple(of_hours))
    raise CannotSayError(f"{cron.expression!r} in the zone {cron.zone}: AWS knows no zone of that offset")


def _iana(cron: Cron) -> str:
    if (fixed := fixed_offset(cron.zone)) is None:
        return cron.zone
    hours = int(fixed / _HOUR)
    # These names count westwards.
    return f"Etc/GMT{-hours:+d}" if hours else UTC


def _without(cron: Cron, spurious: Sequence[datetime]) -> Iterator[AwsCron]:
    """A cron in its zone, without some firings."""
    by_month: dict[int, dict[time, set[date]]] = defaultdict(lambda: defaultdict(set))
    for wall in spurious:
        by_month[wall.month][wall.time()].add(wall.date())
    months = [month for month in cron.months or range(1, 13) if month not in by_month]
    if months:
        yield from of_cron(replace(cron, months=tuple(months) if len(months) < 12 else ()))
    for month, by_time in sorted(by_month.items()):
        in_month = replace(cron, months=(month,))
        yield from _parts_of_month(in_month, by_time)


def _parts_of_month(cron: Cron, by_time: Mapping[time, set[date]]) -> Iterator[AwsCron]:
    left_alone = [time(h, m) for h in cron.hours for m in cron.minutes if time(h, m) not in by_time]
    for hours, minutes in products(left_alone):
        yield from of_cron(replace(cron, hours=hours, minutes=minutes))
    alike: dict[frozenset[date], list[time]] = defaultdict(list)
    for at, days in by_time.items():
        alike[frozenset(days)].append(at)
    for without, times in sorted(alike.items(), key=lambda each: min(each[0])):
        by_year = {year: _days_left(cron, year, without) for year in cron.years or YEARS}
        for hours, minutes in products(times):
            # Past the years that are known, as AWS does it.
            later = [year for year in cron.years if year > LAST_YEAR] or range(LAST_YEAR + 1, _LAST_OF_AWS + 1)
            if not cron.years or max(cron.years) > LAST_YEAR:
                for part in of_cron(replace(cron, hours=hours, minutes=minutes)):
                    yield replace(part, years=year_text(list(later)))
            for left, years in _turned(by_year).items():
                if left:
                    yield AwsCron(minutes, hours, field_text(left, range(1, 32)), cron.months, years=year_text(years))


def _days_left(cron: Cron, year: int, without: frozenset[date]) -> tuple[int, ...]:
    if year > LAST_YEAR:
        return ()
    first = date(year, cron.months[0], 1)
    every = (first.replace(day=day) for day in range(1, last_of_month(first) + 1))
    return tuple(each.day for each in every if cron.matches(each) and each not in without)


def _turned(by_year: Mapping[int, tuple[int, ...]]) -> dict[tuple[int, ...], list[int]]:
    years: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for year, days in sorted(by_year.items()):
        years[days].append(year)
    return years


def _moments(missing: Sequence[datetime]) -> Iterator[AwsCron]:
    """Firings by themselves, in UTC."""
    by_day: dict[date, list[time]] = defaultdict(list)
    for moment in missing:
        by_day[moment.date()].append(moment.time())
    alike: dict[tuple[int, tuple[time, ...]], list[date]] = defaultdict(list)
    for day, times in by_day.items():
        alike[day.month, tuple(sorted(times))].append(day)
    for (month, at), same in sorted(alike.items()):
        for hours, minutes in products(at):
            for chosen, years in _choices(same):
                yield replace(chosen, minutes=minutes, hours=hours, months=(month,), years=year_text(years))


def _choices(days: Sequence[date]) -> Iterator[tuple[AwsCron, Sequence[int]]]:
    """Days of one month of several years: by their place among weekdays if all have the same, else by number."""
    years = [day.year for day in days]
    weekdays = {weekday_of(day) for day in days}
    places = {(day.day - 1) // 7 + 1 for day in days}
    last = all((day + 7 * _DAY).month != day.month for day in days)
    if len(weekdays) == 1 and len(days) > 1 and (last or len(places) == 1):
        weekday = weekdays.pop() + 1
        yield AwsCron((), (), "?", weekdays=f"{weekday}L" if last else f"{weekday}#{places.pop()}"), years
        return
    by_day: dict[int, list[int]] = defaultdict(list)
    for day in days:
        by_day[day.day].append(day.year)
    for number, some in sorted(by_day.items()):
        yield AwsCron((), (), str(number)), some


def products(times: Iterable[time]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Times of the day as hours and minutes, of which any of one goes with any of the other."""
    by_hour: dict[int, list[int]] = defaultdict(list)
    for at in sorted(times):
        by_hour[at.hour].append(at.minute)
    hours: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for hour, minutes in by_hour.items():
        hours[tuple(minutes)].append(hour)
    for of_hours, some in hours.items():
        yield tuple(some), of_hours
