"""Timestamps on their way between the API, which speaks any ISO 8601, and the ledger."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from pydantic import TypeAdapter

from ductwork_airflow.ledger import timestamp

_DURATION = TypeAdapter(timedelta)


def moment(text: str) -> datetime:
    """An ISO 8601 timestamp; UTC where it names no zone."""
    parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)


def ledger_time(text: str) -> str:
    return timestamp(moment(text))


def seconds(duration: str | float) -> float:
    """Seconds of an ISO 8601 duration, as pydantic writes a timedelta."""
    return _DURATION.validate_python(duration).total_seconds()
