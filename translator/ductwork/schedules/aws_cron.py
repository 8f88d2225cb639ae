"""Cron expressions of EventBridge Scheduler: six fields, one of the two fields of days a ``?``.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ductwork.contracts.aws_schedules import EXPRESSION_LIMIT
from ductwork.ir.timetable import LAST, Cron
from ductwork.schedules.zones import FIRST_YEAR

_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_THIRTY_DAYS, _SHORTEST = {4, 6, 9, 11}, 28
# Years that one expression can list, of those that AWS takes.
_LAST_LISTED_YEAR = 2099
_AWS_YEARS = range(1970, 2200)


@dataclass(frozen=True)
class AwsCron:
    """The fields of an expression; empty sets hold any value.

    :param days: text of the field of days of the month, ``?`` where the weekdays choose
    :param weekdays: text of the field of weekdays, ``?`` where the days of the month choose
    :param years: text
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: str = "*"
    months: tuple[int, ...] = ()
    weekdays: str = "?"
    years: str = "*"

    def expressions(self) -> Iterator[str]:
        """``cron(...)``, more than one where one would be too long."""
        hours = field_text(self.hours, range(24))
        months = field_text(self.months, range(1, 13))
        minutes = field_text(self.minutes, range(60))
        text = f"cron({minutes} {hours} {self.days} {months} {self.weekdays} {self.years})"
        if len(text) <= EXPRESSION_LIMIT:
            yield text
            return
        name, values = max(
            (("minutes", self.minutes), ("hours", self.hours)), key=lambda each: len(field_text(each[1], range(60)))
        )
        half = len(values) // 2
        for some in (values[:half], values[half:]):
            shorter = AwsCron(
                some if name == "minutes" else self.minutes,
                some if name == "hours" else self.hours,
                self.days,
                self.months,
                self.weekdays,
                self.years,
            )
            yield from shorter.expressions()


def field_text(values: Sequence[int], domain: range) -> str:
    """The shortest of a field's usual forms: ``*``, a step, or a list of values and ranges."""
    every = sorted(set(values))
    if not every or every == list(domain):
        return "*"
    steps = {after - before for before, after in pairwise(every)}
    if len(every) > 2 and len(steps) == 1 and (step := steps.pop()) > 1 and every[-1] + step > domain[-1]:
        return f"{every[0]}/{step}"
    return ",".join(_runs(every))


def _runs(values: Sequence[int]) -> Iterator[str]:
    first = last = values[0]
    for value in (*values[1:], None):
        if value is not None and value == last + 1:
            last = value
            continue
        if last - first > 1:
            yield f"{first}-{last}"
        else:
            yield from map(str, range(first, last + 1))
        if value is not None:
            first = last = value


def of_cron(cron: Cron) -> list[AwsCron]:
    """What fires at the times that a cron names, each time at least once."""
    plain = AwsCron(cron.minutes, cron.hours, months=cron.months, years=year_text(cron.years))
    return [
        part
        for days, weekdays in _days(cron)
        for part in _within_months(replace(plain, days=days, weekdays=weekdays), cron)
    ]


def year_text(years: Sequence[int]) -> str:
    """The field of years, without steps: not all who read expressions know them there."""
    every = sorted(set(years))
    return ",".join(_runs(every)) if every and every != list(_AWS_YEARS) else "*"


def _days(cron: Cron) -> Iterator[tuple[str, str]]:
    """Both fields of days: each a way for a day to match, and one is enough."""
    if cron.nearest_weekday:
        yield f"{cron.nearest_weekday}W", "?"
    elif cron.nth:
        for weekday, place in cron.nth:
            yield "?", f"{weekday + 1}L" if place == LAST else f"{weekday + 1}#{place}"
    elif not cron.chooses_days or len(cron.days) == 31 or len(cron.weekdays) == 7:
        yield "*", "?"
    else:
        if cron.days:
            yield field_text(cron.days, range(1, 32)), "?"
        if cron.last_day:
            yield "L", "?"
        if cron.weekdays:
            yield "?", _weekdays(cron.weekdays)


def _weekdays(days: Sequence[int]) -> str:
    """Names, for AWS counts from 1."""
    runs = (each.split("-") for each in _runs(sorted(days)))
    return ",".join("-".join(_WEEKDAYS[int(day)] for day in run) for run in runs)


def _within_months(part: AwsCron, cron: Cron) -> Iterator[AwsCron]:
    """Airflow takes the last weekday of a month that lacks the day of ``W``, and AWS does not say what it does."""
    day, months = cron.nearest_weekday, set(cron.months or range(1, 13))
    if day <= _SHORTEST:
        yield part
        return
    for length, of_length in ((30, _THIRTY_DAYS), (31, set(range(1, 13)) - _THIRTY_DAYS - {2})):
        if named := tuple(sorted(months & of_length)):
            yield replace(part, days=f"{min(day, length)}W", months=named)
    if 2 in months:
        years = cron.years or range(FIRST_YEAR, _LAST_LISTED_YEAR + 1)
        for length, leap in ((28, False), (29, True)):
            if some := [year for year in years if isleap(year) is leap]:
                yield replace(part, days=f"{length}W", months=(2,), years=year_text(some))
