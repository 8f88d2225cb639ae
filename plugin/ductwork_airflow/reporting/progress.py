"""Showing a run while it goes on: a live table on a terminal, plain lines otherwise. Everything goes to stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

from ductwork_airflow.ledger import TaskKey
from ductwork_airflow.reporting.report import RunReport, TaskReport

_STYLES = {
    "running": "cyan",
    "deferred": "cyan",
    "queued": "blue",
    "success": "green",
    "failed": "bold red",
    "upstream_failed": "yellow",
    "skipped": "magenta",
    "up_for_retry": "yellow",
    "up_for_reschedule": "blue",
}

# A mapped task with at most this many instances shows each of them; a larger one those in these states.
LISTED_INSTANCES = 20
_TOLD = frozenset({"failed", "up_for_retry"})


class Progress(Protocol):
    """Shows reports of one run, each newer than the last."""

    def __enter__(self) -> Progress: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def show(self, report: RunReport) -> None:
        """Show what has changed since the last report."""


def progress() -> Progress:
    """A table that is redrawn if stderr is a terminal, otherwise a line for each change."""
    return LiveProgress() if sys.stderr.isatty() else LineProgress()


class LineProgress:
    """One line for each change of a task's state; of a mapped task of many instances, the counts and what failed."""

    def __init__(self) -> None:
        self._shown: dict[TaskKey, tuple[str | None, int]] = {}
        self._counted: dict[str, str] = {}

    def __enter__(self) -> LineProgress:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def show(self, report: RunReport) -> None:
        """A line on stderr for each task instance in a new state; large mapped tasks show counts."""
        for task in report.tasks:
            key, now = (task.task_id, task.map_index), (task.state, task.try_number)
            if task.state and self._shown.get(key) != now:
                self._shown[key] = now
                if is_told(report, task):
                    print(_line(task), file=sys.stderr, flush=True)
        for task_id, states in report.mapped.items():
            text = counts(states)
            if self._counted.get(task_id) != text:
                self._counted[task_id] = text
                print(f"{task_id + '[]':<40} {text}", file=sys.stderr, flush=True)


class LiveProgress:
    """A table that is drawn again in place."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(stderr=True), refresh_per_second=8, transient=False)

    def __enter__(self) -> LiveProgress:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, traceback)

    def show(self, report: RunReport) -> None:
        """Redraw the table; large mapped tasks show counts and what has failed."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title=f"{report.dag_id}  {report.run_id}  {report.state}", title_justify="left")
        for column in ("task", "state", "try", "seconds"):
            table.add_column(column, justify="left" if column in {"task", "state"} else "right")
        for task_id, states in report.mapped.items():
            table.add_row(f"{task_id}[]", Text(counts(states)), "", "")
        for task in report.tasks:
            if not is_told(report, task):
                continue
            state = Text(task.state or "-", style=_STYLES.get(task.state or "", "dim"))
            table.add_row(name_of(task), state, str(task.try_number or "-"), _seconds(task))
        self._live.update(table)


def _is_large(report: RunReport, task: TaskReport) -> bool:
    """Whether a task instance is one of so many that they are not shown one by one."""
    return task.map_index >= 0 and sum(report.mapped.get(task.task_id, {}).values()) > LISTED_INSTANCES


def counts(states: Mapping[str, int]) -> str:
    """How many instances are in which state: ``3 success, 1 failed``."""
    return ", ".join(f"{number} {state}" for state, number in states.items())


def is_told(report: RunReport, task: TaskReport) -> bool:
    """Whether a task instance is shown by itself: not of a mapped task with many, unless it has failed."""
    return task.state in _TOLD or not _is_large(report, task)


def name_of(task: TaskReport) -> str:
    """A task's id, with the map index of an instance of a mapped task."""
    return task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_index}]"


def _seconds(task: TaskReport) -> str:
    return "-" if task.seconds is None else f"{task.seconds:.1f}"


def _line(task: TaskReport) -> str:
    error = f"  {task.error}" if task.error and task.state in {"failed", "up_for_retry"} else ""
    return f"{name_of(task):<40} {task.state:<16} try {task.try_number}  {_seconds(task)} s{error}"
