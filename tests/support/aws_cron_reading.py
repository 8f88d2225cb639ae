"""When an expression of EventBridge Scheduler fires, read from its documentation alone: an expression is text here.

Fields are matched one day at a time. Of the clock's changes the documentation says that a time which the clock passes
over does not fire on that day, and that one which comes twice fires at the first.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import calendar
import functools
import re
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def values(field, domain, names=()):
    """The numbers that a field of lists, ranges and steps names."""
    found = set()
    for name in names:
        field = re.sub(rf"\b{name}\b", str(names.index(name) + 1), field)
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            first, last = domain[0], domain[-1]
        elif not last:
            last = domain[-1] if step else first
        first, last = int(first), int(last)
        assert first in domain and last in domain, f"{part} is not within {domain}"
        chosen = (
            range(first, last + 1) if first <= last else [*range(first, domain[-1] + 1), *range(domain[0], last + 1)]
        )
        found.update(list(chosen)[:: int(step or 1)])
    return found


def day_matches(days, weekdays, day):
    length = calendar.monthrange(day.year, day.month)[1]
    of_week = day.isoweekday() % 7 + 1
    if weekdays != "?":
        if weekdays.endswith("L"):
            return of_week == int(weekdays[:-1]) and day.day + 7 > length
        if "#" in weekdays:
            weekday, place = map(int, weekdays.split("#"))
            return of_week == weekday and (day.day + 6) // 7 == place
        return of_week in values(weekdays, range(1, 8), WEEKDAYS)
    if days == "L":
        return day.day == length
    if days.endswith("W"):
        wanted = int(days[:-1])
        if wanted > length:
            raise AssertionError(f"the documentation does not say what {days} does in {day:%B}")
        near = [each for each in range(1, length + 1) if date(day.year, day.month, each).isoweekday() < 6]
        return day.day == min(near, key=lambda each: abs(each - wanted))
    return day.day in values(days, range(1, 32))


@functools.lru_cache(maxsize=4096)
def parsed(expression):
    inner = re.fullmatch(r"cron\((.+)\)", expression).group(1).split(" ")
    minutes, hours, days, months, weekdays, years = inner
    assert (days == "?") != (weekdays == "?"), f"{expression}: one of the fields of days must be ?"
    assert len(expression) <= 256
    times = sorted(time(h, m) for h in values(hours, range(24)) for m in values(minutes, range(60)))
    return times, days, values(months, range(1, 13), MONTHS), weekdays, values(years, range(1970, 2200))


def walls(expression, first, last):
    """Times of a wall from one day to another, both included."""
    times, days, months, weekdays, years = parsed(expression)
    day = first
    while day <= last:
        if day.year in years and day.month in months and day_matches(days, weekdays, day):
            yield from (datetime.combine(day, at) for at in times)
        day += timedelta(days=1)


def fires(expression, zone, first, last):
    """Moments in UTC between two, both included."""
    info = ZoneInfo(zone)
    found = set()
    for wall in walls(expression, (first - timedelta(days=1)).date(), (last + timedelta(days=1)).date()):
        moment = wall.replace(tzinfo=info, fold=0).astimezone(timezone.utc)
        exists = moment.astimezone(info).replace(tzinfo=None) == wall
        if exists and first <= moment <= last:
            found.add(moment)
    return found
