"""The data interval of a scheduled run, worked out from the moment at which it is due: what a machine needs for that.

An interval ends when its run is due. It begins a fixed time before, or at the firing before. That firing is the last
time on the wall that the cron names; where clocks change it may be another, and those are listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfoNotFoundError

from ductwork.ir.timetable import SINCE_LAST, Cron, Every, Span, Timetable
from ductwork.schedules.expressions import CannotSayError, in_utc
from ductwork.schedules.firings import Firings
from ductwork.schedules.zones import FIRST_YEAR, LAST_YEAR, YEARS, Zone, zone_of

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
# Past a change of the clock by so much, all is as it was.
_AROUND = timedelta(hours=5)
_EPOCH = datetime(1970, 1, 1)
# Days that are looked back at one by one; what fires more seldom has its days listed.
MOST_DAYS_BACK = 40
# Firings that a machine lists. Each takes some 30 bytes of its definition.
_MOST_EXCEPTIONS = 1_000


@dataclass(frozen=True)
class Before:
    """The interval begins a time before its end.

    :param seconds: whole ones
    """

    seconds: int


@dataclass(frozen=True)
class LastFiring:
    """The interval begins at the firing before its end. Times are minutes, days are days, both since 1970.

    :param minutes: of the hour, in order; each goes with each of ``hours``
    :param days_back: within so many days there is one that matches; 0: ``listed`` has the days
    :param days: of the month, empty for any; ``months`` and ``weekdays`` likewise, 0 is Sunday
    :param listed: the days that match
    :param offset: the zone's offset from UTC before the first change
    :param changes: the moment in UTC, and the offset from then on
    :param exceptions: where the firing before is another: the end of the interval, and its beginning
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days_back: int
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    listed: tuple[int, ...]
    offset: int
    changes: tuple[tuple[int, int], ...]
    exceptions: tuple[tuple[int, int], ...]


Rule = Before | LastFiring


@lru_cache(maxsize=256)
def rule_of(timetable: Timetable) -> Rule | None:
    """How the interval of a scheduled run follows from the moment at which it is due.

    :return: None where no machine works it out: lengths of months, crons whose exceptions are too many
    """
    if isinstance(timetable.interval, Span):
        return _before(timetable.interval)
    if timetable.interval != SINCE_LAST:
        return None
    if isinstance(timetable.when, Every):
        return _before(timetable.when.span)
    try:
        return _last_firing(timetable.crons[0]) if timetable.crons else None
    except (CannotSayError, ZoneInfoNotFoundError):
        return None


def _before(span: Span) -> Before | None:
    return None if span.months or span.seconds % 1 else Before(int(span.seconds))


def _last_firing(cron: Cron) -> LastFiring | None:
    cron = in_utc(cron, zone_of(cron)) or cron
    firings = Firings(cron)
    zone: Zone = firings.zone
    exceptions = _exceptions(firings)
    if len(exceptions) > _MOST_EXCEPTIONS:
        return None
    every_day = [day for day in _all_days() if cron.matches(day)]
    if len(every_day) < 2:
        return None
    longest = max((after - before).days for before, after in pairwise(every_day))
    plain = not (cron.nearest_weekday or cron.nth or cron.last_day or cron.years)
    back = longest if plain and longest <= MOST_DAYS_BACK else 0
    return LastFiring(
        minutes=cron.minutes,
        hours=cron.hours,
        days_back=back,
        days=cron.days if back else (),
        months=cron.months if back else (),
        weekdays=cron.weekdays if back else (),
        listed=() if back else tuple((day - _EPOCH.date()).days for day in every_day),
        offset=_minutes(zone.first),
        changes=tuple((_minutes(change.at - _EPOCH), _minutes(change.after)) for change in zone.changes),
        exceptions=tuple(exceptions),
    )


def _all_days() -> list[date]:
    first = date(FIRST_YEAR - 9, 1, 1)
    return [first + number * _DAY for number in range((date(LAST_YEAR, 12, 31) - first).days + 1)]


def _minutes(length: timedelta) -> int:
    return int(length / _MINUTE)


def _exceptions(firings: Firings) -> list[tuple[int, int]]:
    """The intervals after each change whose beginning is not what the wall says."""
    found = set()
    for change in firings.zone.changes:
        first = _well_before(firings, change.at) if change.at.year in YEARS else None
        following = None if first is None else firings.after(first)
        interval = None if first is None or following is None else (first, following)
        while interval is not None:
            start, end = interval
            said = firings.previous_wall(firings.zone.wall(end))
            if said is None or firings.zone.utc(said) != start:
                found.add((_minutes(end - _EPOCH), _minutes(start - _EPOCH)))
            elif end > change.at + _AROUND:
                break
            interval = firings.interval_after(start, end)
    return sorted(found)


def _well_before(firings: Firings, at: datetime) -> datetime | None:
    wall = firings.previous_wall(firings.zone.wall(at - _AROUND))
    return None if wall is None else firings.zone.utc(wall)
