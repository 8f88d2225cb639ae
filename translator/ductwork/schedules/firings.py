"""When a cron fires: as Airflow steps through it, and as EventBridge Scheduler documents it.

Times are naive, in UTC or on the wall of the cron's zone, and have whole minutes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime, time, timedelta

from ductwork.ir.timetable import Cron
from ductwork.schedules.zones import Zone, zone_of

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_AROUND = timedelta(hours=3)
# No day matches for so long: a 29 February that is skipped at the end of a century.
_LONGEST = 366 * 9


class Firings:
    """The firings of one cron."""

    def __init__(self, cron: Cron) -> None:
        self.cron = cron
        self.zone: Zone = zone_of(cron)
        self.times = [time(hour, minute) for hour in cron.hours for minute in cron.minutes]

    def next_wall(self, wall: datetime) -> datetime | None:
        """The next time that the expression names, after one on the wall; None if there is none for years."""
        return next(self.walls(wall + _MINUTE), None)

    def previous_wall(self, wall: datetime) -> datetime | None:
        """The last time that the expression names, before one on the wall."""
        day = wall.date()
        for back in range(_LONGEST):
            each = day - back * _DAY
            if self.cron.matches(each):
                number = len(self.times) if back else bisect_left(self.times, wall.time())
                if number:
                    return datetime.combine(each, self.times[number - 1])
        return None

    def after(self, utc: datetime) -> datetime | None:
        """Airflow's next firing: by the clock, or, of a cron whose hours are any, as long after as on the wall."""
        wall = self.zone.wall(utc)
        found = self.next_wall(wall)
        if found is None:
            return None
        return utc + (found - wall) if self.cron.every_hour else self.zone.utc(found)

    def before(self, utc: datetime) -> datetime | None:
        """Airflow's firing before a moment."""
        wall = self.zone.wall(utc)
        found = self.previous_wall(wall)
        if found is None:
            return None
        return utc - (wall - found) if self.cron.every_hour else self.zone.utc(found)

    def at_or_after(self, utc: datetime) -> datetime | None:
        """Where Airflow begins from a start date."""
        found = self.after(utc)
        return utc if found is not None and self.before(found) == utc else found

    def interval_after(self, start: datetime, end: datetime) -> tuple[datetime, datetime] | None:
        """The data interval that follows one, as Airflow's interval timetables have it; None where they raise."""
        before = self.before(end)
        following = before is not None and self.after(before)
        begin = end if following == end or before is None else before
        if begin <= start:
            later = self.after(begin)
            if later is None or later <= start:
                return None
            begin = later
        finish = self.after(begin)
        return None if finish is None else (begin, finish)

    def airflow(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Airflow's firings after a moment that is one itself, up to another."""
        found = self.after(after)
        while found is not None and found <= until:
            yield found
            found = self.after(found)

    def scheduler(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """EventBridge Scheduler's in the zone: not in a gap, and at the first of two moments on the same wall."""
        for wall in self.walls(self.zone.wall(after) - _AROUND, self.zone.wall(until) + _AROUND):
            moments = self.zone.moments(wall)
            if moments and after < moments[0] <= until:
                yield moments[0]

    def walls(self, first: datetime, last: datetime | None = None) -> Iterator[datetime]:
        """The times that the expression names, between two on the wall, both included."""
        day = first.date()
        end = last.date() if last else day + _LONGEST * _DAY
        while day <= end:
            if self.cron.matches(day):
                begin = bisect_left(self.times, first.time()) if day == first.date() else 0
                for at in self.times[begin:]:
                    wall = datetime.combine(day, at)
                    if last is not None and wall > last:
                        return
                    yield wall
            day += _DAY

    def matches(self, wall: datetime) -> bool:
        """Whether the expression names a time on the wall."""
        return wall.hour in self.cron.hours and wall.minute in self.cron.minutes and self.cron.matches(wall.date())
