"""Moments as texts, read as Airflow's ``timezone.parse`` reads them: those without a zone in the default one."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from ductwork.ir import Concat, RunValue, Text

_DATE = r"(?P<date>\d{4}-\d\d-\d\d)"
_TIME = r"(?:[T ](?P<minutes>\d\d:\d\d)(?::(?P<seconds>\d\d)(?:\.(?P<fraction>\d{1,6}))?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?"
# Airflow reads more; what is not of this form is left to it.
_MOMENT, _OF_A_DAY = re.compile(_DATE + _TIME), re.compile(_TIME)
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


def literal(text: str, zone: str) -> Text | None:
    """A moment as ISO 8601 text in UTC.

    :param text: as the author wrote it
    :param zone: the default time zone; empty for one that is not known
    :return: None for what only Airflow can work out
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    naive = f"{match['date']}T{match['minutes'] or '00:00'}:{match['seconds'] or '00'}.{(match['fraction'] or ''):0<6}"
    try:
        moment, tzinfo = datetime.fromisoformat(naive), _tzinfo(match["zone"] or zone)
    except ValueError:
        return None
    if tzinfo is None:
        return None
    # Of a time that a clock change passes over, or that comes twice, Airflow takes the later reading.
    utc = max(moment.replace(tzinfo=tzinfo, fold=fold).astimezone(timezone.utc) for fold in (0, 1))
    return Text(utc.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


def on_its_day(text: str, zone: str) -> Concat | RunValue | None:
    """``{{ ds }}`` with ``text`` behind it. A machine can compute it where days begin at the same time all year."""
    match = _OF_A_DAY.fullmatch(text)
    offset = (match["zone"] or _steady(zone)) if match else None
    if match is None or offset is None or match["fraction"] or literal(f"2000-01-01{text}", "UTC") is None:
        return None
    time = f"T{match['minutes'] or '00:00'}:{match['seconds'] or '00'}{offset}"
    return RunValue("ds") if time == "T00:00:00Z" else Concat((RunValue("ds"), Text(time)))


@lru_cache
def _steady(zone: str) -> str | None:
    """The offset that a zone has had since 1970 and will have; None if it changes."""
    tzinfo = _tzinfo(zone)
    if tzinfo is None:
        return None
    weeks = (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(weeks=week) for week in range(130 * 52))
    offsets = {week.astimezone(tzinfo).utcoffset() for week in weeks}
    if len(offsets) > 1 or any(offset is None or offset.seconds % 60 for offset in offsets):
        return None
    text = datetime(2000, 1, 1, tzinfo=tzinfo).isoformat()[19:]
    return "Z" if text == "+00:00" else text


def _tzinfo(zone: str) -> tzinfo | None:
    if zone in ("Z", "UTC"):
        return timezone.utc
    if match := _OFFSET.fullmatch(zone):
        hours, minutes = int(match[2]), int(match[3])
        if hours > 23 or minutes > 59:
            return None
        return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if match[1] == "-" else 1))
    try:
        return ZoneInfo(zone) if zone else None
    except (KeyError, ValueError, OSError):
        return None
