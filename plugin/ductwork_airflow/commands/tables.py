"""Tables on stdout: their columns, and times and durations as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from ductwork.cli import output


def readable_moment(text: str | None) -> str:
    """A time in UTC, to the second; ``-`` for none.

    :param text: in ISO 8601
    """
    if not text:
        return "-"
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}"


def readable_seconds(seconds: float) -> str:
    """A duration, such as ``3.2 s`` or ``0:02:01``."""
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=int(seconds)))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows, the first of which is the heading, with columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        output.print_result("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
