"""Where Airflow and EventBridge Scheduler disagree about a cron: around the changes of its zone's clock.

A cron in the zone itself says all but this. What it leaves out becomes further schedules, in UTC; at what it fires too
much the days are taken out of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ductwork.schedules.firings import Firings
from ductwork.schedules.zones import YEARS, Change

# No clock is put forward or back by more, in the years that are looked at.
_AROUND = timedelta(hours=3)


@dataclass(frozen=True)
class Differences:
    """What a cron in the zone fires at otherwise than Airflow.

    :param missing: Airflow's firings that it leaves out, naive UTC
    :param spurious: what only it fires at, naive times on the zone's wall
    """

    missing: tuple[datetime, ...] = ()
    spurious: tuple[datetime, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.spurious)


def differences(firings: Firings) -> Differences:
    """All of the years that schedules are exact in."""
    missing: set[datetime] = set()
    spurious: set[datetime] = set()
    for change in firings.zone.changes:
        if change.at.year in YEARS and (begin := _before(firings, change)) is not None:
            airflow, end = _until_in_step(firings, begin, change)
            scheduler = set(firings.scheduler(begin, end))
            missing |= airflow - scheduler
            spurious |= {firings.zone.wall(each) for each in scheduler - airflow}
    return Differences(tuple(sorted(missing)), tuple(sorted(spurious)))


def _before(firings: Firings, change: Change) -> datetime | None:
    """A firing before the change that is the same for both."""
    if not firings.cron.every_hour:
        found = firings.previous_wall(change.at + change.before - _AROUND)
        return None if found is None else firings.zone.utc(found)
    found = firings.previous_wall(change.at + change.before)
    moments = [] if found is None else firings.zone.moments(found)
    return max((moment for moment in moments if moment < change.at), default=None)


def _until_in_step(firings: Firings, begin: datetime, change: Change) -> tuple[set[datetime], datetime]:
    """Airflow's firings until they are again what the expression says, and the last of them."""
    found: set[datetime] = set()
    end = change.at + _AROUND
    if not firings.cron.every_hour:
        return set(firings.airflow(begin, end)), end
    last = begin
    while (following := firings.after(last)) is not None and following.year in YEARS:
        last = following
        found.add(last)
        if last > end and firings.matches(firings.zone.wall(last)):
            break
    return found, max(last, end)
