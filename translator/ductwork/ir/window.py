"""The logical dates for which Airflow makes instances of a task: from its start_date to its end_date, both included.

Airflow makes none of a task outside them (``DagRun.verify_integrity``), except in a backfill and in a run that updates
of assets have started, which has no logical date; and its scheduler waits
for what it has not made as for what never ends. Both packages ask this module: machines and job chains carry the dates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TypedDict

# Airflow makes every instance in these runs.
UNBOUNDED_RUN_TYPE = "backfill"


class Dates(TypedDict, total=False):
    """Bounds as documents and the ledger keep them: ISO 8601 in UTC; a bound that is missing is none."""

    start_date: str
    end_date: str


@dataclass(frozen=True)
class Window:
    """Logical dates from ``start`` to ``end``, both included.

    :param start: ISO 8601 text in UTC, empty for no bound; the same of ``end``
    :param dateless: there are runs without a logical date, which it does not bound
    """

    start: str = ""
    end: str = ""
    dateless: bool = False

    def __bool__(self) -> bool:
        return bool(self.start or self.end)

    @classmethod
    def of(cls, start: datetime | None, end: datetime | None) -> Window:
        """From the dates of a task, or of a DAG.

        :param start: aware, as is ``end``
        """
        first, last = ("" if date is None else date.astimezone(timezone.utc).isoformat() for date in (start, end))
        return cls(first, last)

    @classmethod
    def of_facts(cls, facts: Mapping[str, object]) -> Window:
        """What a document or the ledger says of a task or a DAG, by Airflow's names."""
        return cls(str(facts.get("start_date", "")), str(facts.get("end_date", "")))

    def facts(self) -> Dates:
        """The bounds that there are, by Airflow's names, as :meth:`of_facts` reads them."""
        dates: Dates = {}
        if self.start:
            dates["start_date"] = self.start
        if self.end:
            dates["end_date"] = self.end
        return dates

    def beyond(self, other: Window) -> Window:
        """What this says besides ``other``."""
        if not self:
            return self
        start, end = (
            "" if mine == others else mine for mine, others in ((self.start, other.start), (self.end, other.end))
        )
        return Window(start, end, self.dateless)

    def holds(self, run: Mapping[str, object]) -> bool:
        """Whether a run has an instance.

        :param run: its item: ``run_type`` and ``logical_date``
        """
        if not self or run.get("run_type") == UNBOUNDED_RUN_TYPE or not run["logical_date"]:
            return True
        date = _moment(str(run["logical_date"]))
        return not (self.start and date < _moment(self.start)) and not (self.end and date > _moment(self.end))


# Of a task without dates.
ALWAYS_OPEN = Window()


def common(windows: Iterable[Window]) -> Window:
    """The bounds that all of some windows have."""
    every = list(windows)
    start, end = ({getattr(each, name) for each in every} for name in ("start", "end"))
    dateless = any(each.dateless for each in every)
    return Window(start.pop() if len(start) == 1 else "", end.pop() if len(end) == 1 else "", dateless)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
