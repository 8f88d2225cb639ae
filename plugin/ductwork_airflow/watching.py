"""Watching a run for as long as it takes, whatever AWS does meanwhile. Operator and trigger share this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ductwork_airflow.hooks import DuctworkHook
from ductwork_airflow.submit.faults import is_passing
from ductwork_airflow.submit.remote import RunHandle, RunProgress, Watcher

__all__ = ["PATIENCE_SECONDS", "is_passing", "pace", "plain_counts", "watch"]

PATIENCE_SECONDS = 3600.0


def watch(settings: Mapping[str, Any], handle: RunHandle) -> Watcher:
    """A watcher whose polls raise only what an hour of patience has not mended.

    :param settings: the hook's
    """
    from ductwork_airflow.submit import runs

    return runs.watcher(DuctworkHook.from_settings(settings), handle, patience=PATIENCE_SECONDS)


def pace(progress: RunProgress, delay: int | None) -> float:
    """Seconds until the next look.

    :param delay: the least that the user wants; None leaves it to the run's own pace
    """
    return max(progress.wait, float(delay or 0))


def plain_counts(counts: Mapping[str, int] | None) -> dict[str, int]:
    """Counts by state for an XCom or an event."""
    return {str(state): int(number) for state, number in (counts or {}).items()}
