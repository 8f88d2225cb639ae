"""Which tasks' outcomes decide a run's: Airflow's leaf rule."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def leaves(upstream: Mapping[str, Sequence[str]], uncounted: Collection[str]) -> tuple[str, ...]:
    """The tasks on which nothing depends, as if those that do not count were not there, unless none counts.

    :param upstream: for each task its direct upstream tasks
    :param uncounted: the teardowns whose failure does not fail the run
    """
    counted = [task for task in upstream if task not in uncounted] or list(upstream)
    inner = {up for task in counted for up in upstream[task]}
    return tuple(task for task in counted if task not in inner)
