"""When the clocks of a time zone change, within the years for which schedules are exact."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from ductwork.ir.timetable import Cron

# Schedules know the changes of clocks of these years. Past them they fire by EventBridge Scheduler's own rule.
FIRST_YEAR, LAST_YEAR = 2026, 2055
YEARS = range(FIRST_YEAR, LAST_YEAR + 1)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True)
class Change:
    """A change of a clock.

    :param at: the first moment of the new offset, as a naive UTC time
    :param before: the offset from UTC; ``after`` likewise
    """

    at: datetime
    before: timedelta
    after: timedelta


@dataclass(frozen=True)
class Zone:
    """A time zone's offsets; all times are naive, in UTC or on the zone's wall.

    :param first: the offset before the first change
    """

    name: str
    first: timedelta
    changes: tuple[Change, ...] = ()

    @cached_property
    def _moments(self) -> list[datetime]:
        return [change.at for change in self.changes]

    @cached_property
    def offsets(self) -> Sequence[timedelta]:
        """All offsets that there are, in order."""
        return sorted({self.first, *(change.after for change in self.changes)})

    def offset(self, utc: datetime) -> timedelta:
        """The offset from UTC at a moment."""
        number = bisect_right(self._moments, utc)
        return self.changes[number - 1].after if number else self.first

    def wall(self, utc: datetime) -> datetime:
        return utc + self.offset(utc)

    def utc(self, wall: datetime) -> datetime:
        """As Airflow has it: the second of two moments on a wall that shows it twice, and as long after a gap's end as
        the wall's time is after its beginning.
        """
        # No clock is further from UTC than a day; at the most one change lies between.
        number = bisect_right(self._moments, wall - _DAY)
        found = self.changes[number - 1].after if number else self.first
        for change in self.changes[number:]:
            if wall - change.after < change.at:
                break
            found = change.after
        return wall - found

    def moments(self, wall: datetime) -> list[datetime]:
        """All moments at which the wall shows a time: none in a gap, two when the clock is put back."""
        return [wall - offset for offset in reversed(self.offsets) if self.offset(wall - offset) == offset]


def zone_of(cron: Cron) -> Zone:
    """The zone that a cron is read by.

    :raises zoneinfo.ZoneInfoNotFoundError: there is none of that name
    """
    return _zone(cron.zone)


def fixed_offset(name: str) -> timedelta | None:
    """The offset that a zone's name is, like ``+05:30``; None for a zone that has a name."""
    if name[:1] not in ("+", "-"):
        return None
    hours, _, minutes = name[1:].partition(":")
    size = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return size if name[0] == "+" else -size


@lru_cache(maxsize=64)
def _zone(name: str) -> Zone:
    if (fixed := fixed_offset(name)) is not None:
        return Zone(name, fixed)
    if name in ("UTC", "Etc/UTC"):
        return Zone(name, timedelta())
    info = ZoneInfo(name)

    def offset(utc: datetime) -> timedelta:
        found = utc.replace(tzinfo=timezone.utc).astimezone(info).utcoffset()
        assert found is not None, "the zone has an offset at any time"
        return found

    changes = []
    day = datetime(FIRST_YEAR - 1, 1, 1)
    first = before = offset(day)
    while day.year <= LAST_YEAR:
        if (after := offset(day + _DAY)) != before:
            changes.append(Change(_found(day, before, offset), before, after))
        day, before = day + _DAY, after
    return Zone(name, first, tuple(changes))


def _found(day: datetime, before: timedelta, offset: Callable[[datetime], timedelta]) -> datetime:
    """The minute of a day at which the offset is another for the first time."""
    low, high = 0, int(_DAY / _MINUTE)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(day + middle * _MINUTE) == before else (low, middle)
    return day + high * _MINUTE
