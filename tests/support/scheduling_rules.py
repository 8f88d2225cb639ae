"""Airflow's trigger rules as verdicts on counts: ``ti_deps/deps/trigger_rule_dep.py`` of Airflow 3.3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

RUN = "run"
# Rules of which a task of a mapped group that is not expanded yet is asked with all instances of those above it there.
OF_ALL_INSTANCES = frozenset({"one_success", "one_failed", "one_done", "none_failed_min_one_success"})


@dataclass
class Count:
    """How many upstream tasks there are and have ended in what."""

    total: int
    success: int
    failed: int  # upstream_failed too
    skipped: int
    plainly_failed: int

    @property
    def done(self) -> bool:
        return self.success + self.failed + self.skipped == self.total


def _all_success(n: Count) -> str | None:
    if n.failed:
        return "upstream_failed"
    if n.skipped:
        return "skipped"
    return RUN if n.done else None


def _all_done_min_one_success(n: Count) -> str | None:
    if n.skipped:
        return "skipped"
    return (RUN if n.success else "upstream_failed") if n.done else None


def _one_success(n: Count) -> str | None:
    if n.success:
        return RUN
    return ("skipped" if n.skipped == n.total else "upstream_failed") if n.done else None


def _none_failed_min_one_success(n: Count) -> str | None:
    if n.failed:
        return "upstream_failed"
    return (RUN if n.success else "skipped") if n.done else None


def _unless(spoiled: bool, verdict: str, n: Count) -> str | None:
    return verdict if spoiled else RUN if n.done else None


def _once(met: bool, n: Count) -> str | None:
    return RUN if met else "skipped" if n.done else None


RULES: Mapping[str, Callable[[Count], str | None]] = {
    "all_success": _all_success,
    "all_failed": lambda n: _unless(bool(n.success or n.skipped), "skipped", n),
    "all_done": lambda n: RUN if n.done else None,
    "all_done_min_one_success": _all_done_min_one_success,
    "all_skipped": lambda n: _unless(bool(n.success or n.failed), "skipped", n),
    "one_failed": lambda n: _once(bool(n.failed), n),
    "one_success": _one_success,
    "one_done": lambda n: _once(bool(n.success or n.plainly_failed), n),
    "none_failed": lambda n: _unless(bool(n.failed), "upstream_failed", n),
    "none_failed_min_one_success": _none_failed_min_one_success,
    "none_skipped": lambda n: _unless(bool(n.skipped), "skipped", n),
    "always": lambda n: RUN,
}


def count(states: Iterable[str | None]) -> Count:
    """
    :param states: of the upstream task instances, None for one that has not ended
    """
    found = list(states)
    failed = found.count("failed")
    ended = found.count("success"), failed + found.count("upstream_failed"), found.count("skipped")
    return Count(len(found), *ended, failed)
