"""When Airflow starts the runs of a DAG, as plain data: what its timetable says, and the bounds it holds within."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from ductwork.ir.asset_condition import Condition

SUNDAY = 0
# The place of a weekday in its month that means the last one.
LAST = -1


@dataclass(frozen=True)
class Cron:
    """A cron expression as croniter reads it, minutes alone: sets that are empty hold any value.

    A day matches by the rule of Unix: if both days and weekdays are given, one of the two is enough.

    :param expression: as the author wrote it
    :param zone: IANA name, or an offset like ``+05:30``, of the clock that it is read by
    :param hours: all that match, in order
    :param every_hour: the hours are any: such crons Airflow steps through by elapsed time, others by the clock
    :param days: of the month
    :param last_day: the last day of the month matches, too
    :param nearest_weekday: what matches is the weekday nearest to this day of the month, and nothing else; 0 for none
    :param weekdays: 0 is Sunday
    :param nth: weekdays by their place in the month, :data:`LAST` for the last; what matches is these, and nothing else
    """

    expression: str
    zone: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    every_hour: bool = False
    days: tuple[int, ...] = ()
    last_day: bool = False
    nearest_weekday: int = 0
    months: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()
    nth: tuple[tuple[int, int], ...] = ()
    years: tuple[int, ...] = ()

    @property
    def any_day(self) -> bool:
        """Every day of every month of every year matches."""
        return not (self.months or self.years or self.chooses_days)

    @property
    def chooses_days(self) -> bool:
        """Only some days of a month match."""
        return bool(self.days or self.last_day or self.nearest_weekday or self.weekdays or self.nth)

    def matches(self, day: date) -> bool:
        """Whether it fires on a day at all."""
        if (self.months and day.month not in self.months) or (self.years and day.year not in self.years):
            return False
        if self.nearest_weekday:
            return day == nearest_weekday(day, self.nearest_weekday)
        if self.nth:
            return any(_is_nth(day, weekday, place) for weekday, place in self.nth)
        if not self.chooses_days:
            return True
        by_day = day.day in self.days or (self.last_day and is_last(day))
        return by_day or weekday_of(day) in self.weekdays


def weekday_of(day: date) -> int:
    """0 for Sunday, as in a cron expression."""
    return day.isoweekday() % 7


def is_last(day: date) -> bool:
    return (day + timedelta(days=1)).month != day.month


def last_of_month(day: date) -> int:
    """The number of the last day of a day's month."""
    return ((day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)).day


def nearest_weekday(month: date, day: int) -> date:
    """The day from Monday to Friday nearest to a day of a month, within it; to its last where it has no such day."""
    last = last_of_month(month)
    wanted = month.replace(day=min(day, last))
    if wanted.isoweekday() == 6:
        return wanted + timedelta(days=-1 if wanted.day > 1 else 2)
    if wanted.isoweekday() == 7:
        return wanted + timedelta(days=1 if wanted.day < last else -2)
    return wanted


def _is_nth(day: date, weekday: int, place: int) -> bool:
    if weekday_of(day) != weekday:
        return False
    return (day + timedelta(days=7)).month != day.month if place == LAST else (day.day - 1) // 7 + 1 == place


@dataclass(frozen=True)
class Span:
    """A length of time: calendar months first, then seconds."""

    months: int = 0
    seconds: float = 0

    def __bool__(self) -> bool:
        return bool(self.months or self.seconds)


@dataclass(frozen=True)
class Crons:
    """Whenever one of some crons fires."""

    crons: tuple[Cron, ...]


@dataclass(frozen=True)
class Every:
    """Again and again after a length of time.

    :param on_grid: without ``catchup`` the moments are multiples of the length since 1970, not counted from a start
    """

    span: Span
    on_grid: bool = False


@dataclass(frozen=True)
class Events:
    """At moments that are listed.

    :param dates: ISO 8601 in UTC, in order
    """

    dates: tuple[str, ...]


@dataclass(frozen=True)
class Once:
    """One time: at the start date, or as soon as there is the DAG."""


@dataclass(frozen=True)
class Continuous:
    """Whenever the run before has ended."""


@dataclass(frozen=True)
class Assets:
    """When assets have been updated.

    :param condition: which of them, of those updated since the run before
    """

    condition: Condition


@dataclass(frozen=True)
class Unknown:
    """What this version does not read.

    :param why: in words, for a diagnostic
    """

    why: str


When = Crons | Every | Events | Once | Continuous | Assets | Unknown

# What a run's data interval is: its end is the moment at which the run is due, its start is the run's logical date.
MOMENT, SINCE_LAST = "moment", "since last"


@dataclass(frozen=True)
class Partition:
    """How runs of a partitioned timetable get their keys.

    :param offset: how many firings the partition's date is after the run's; before it where this is below zero
    :param key_format: of ``strftime``
    """

    offset: int
    key_format: str


@dataclass(frozen=True)
class Timetable:
    """When Airflow starts runs of a DAG by itself.

    :param assets: updates of these start runs, too
    :param interval: of a run: :data:`MOMENT` (its start is its end), :data:`SINCE_LAST` (it starts at the firing
        before), or the length before the end
    :param earliest: ISO 8601 in UTC: no run has a logical date before it; empty for no bound
    :param latest: the same of the last logical date
    """

    when: When
    assets: Assets | None = None
    interval: str | Span = MOMENT
    catchup: bool = False
    earliest: str = ""
    latest: str = ""
    partition: Partition | None = None

    @property
    def crons(self) -> tuple[Cron, ...]:
        """The crons by which it fires, if it fires by any."""
        return self.when.crons if isinstance(self.when, Crons) else ()

    @property
    def by_assets(self) -> Assets | None:
        """The updates of assets that start runs, alone or besides a clock."""
        return self.when if isinstance(self.when, Assets) else self.assets
