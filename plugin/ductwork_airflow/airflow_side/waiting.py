"""Watching a run for as long as it takes, whatever AWS does meanwhile. Operator and trigger share this."""

from __future__ import annotations

from collections.abc import Mapping

from ductwork_airflow.aws.transient_errors import is_transient
from ductwork_airflow.hooks import DuctworkHook, HookSettings
from ductwork_airflow.run_model.handle import RunHandle, RunProgress, Watcher

__all__ = ["PATIENCE_SECONDS", "is_transient", "pace", "plain_counts", "watch"]

PATIENCE_SECONDS = 3600.0


def watch(settings: HookSettings, handle: RunHandle) -> Watcher:
    """A watcher whose polls raise only what an hour of patience has not mended.

    :param settings: the hook's
    """
    from ductwork_airflow.runs import lifecycle

    return lifecycle.watcher(DuctworkHook.from_settings(settings), handle, patience=PATIENCE_SECONDS)


def pace(progress: RunProgress, delay: int | None) -> float:
    """Seconds until the next look.

    :param delay: the least that the user wants; None leaves it to the run's own pace
    """
    return max(progress.wait, float(delay or 0))


def plain_counts(counts: Mapping[str, int] | None) -> dict[str, int]:
    """Counts by state for an XCom or an event."""
    return {str(state): int(number) for state, number in (counts or {}).items()}
