"""Moments as text: read in any form of ISO 8601, written as the ledger has them."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from ductwork.contracts.ledger import RETENTION_DAYS


def now() -> str:
    return timestamp(datetime.now(timezone.utc))


def timestamp(moment: datetime) -> str:
    """``moment`` as the ledger writes it: UTC, milliseconds, ``Z``."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """An ISO 8601 timestamp; UTC where it names no zone."""
    parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)


def ledger_time(text: str) -> str:
    """An ISO 8601 timestamp in the ledger's form: UTC, to the millisecond."""
    return timestamp(moment(text))


def expiry(days: int = RETENTION_DAYS) -> int:
    """When an item written now expires, in epoch seconds."""
    return int(time.time()) + days * 86400
