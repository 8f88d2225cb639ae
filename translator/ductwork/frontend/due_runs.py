"""The runs of a time of the past, as Airflow's own backfill finds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from ductwork.diagnostics import Diagnostics, Origin, guard
from ductwork.frontend.compat import due_infos
from ductwork.frontend.processing import run_file


@dataclass(frozen=True)
class DueRun:
    """A run that Airflow would make.

    :param run_after: aware, in UTC, as are all moments here: when it is due
    :param partition_key: empty for none
    """

    run_after: datetime
    logical_date: datetime
    data_interval: tuple[datetime, datetime]
    partition_key: str = ""
    partition_date: datetime | None = None

    def run_id(self, run_type: str) -> str:
        """Airflow's; it adds a random text to that of a run with a partition key, which is left out here."""
        return "__".join(filter(None, (run_type, self.run_after.isoformat(), self.partition_key)))


def due_between(path: str, dag_id: str, first: datetime, last: datetime, diagnostics: Diagnostics) -> list[DueRun]:
    """The runs with logical dates (partition dates, of a partitioned DAG) between two moments, and due before now.

    :param path: the DAG file, known to load
    :param first: aware, as is ``last``; both are included
    """
    now = datetime.now(timezone.utc)
    found: list[DueRun] = []
    doing = "when the timetable is asked for its runs"
    with guard.reported(Origin(path), diagnostics, doing, dag_id=dag_id, field="schedule"):
        dag = next(dag for dag in run_file(path).dags if dag.dag_id == dag_id)
        for info in due_infos(dag, first, last):
            due = _utc(info.run_after)
            interval = info.data_interval
            start, end = (_utc(interval.start), _utc(interval.end)) if interval else (due, due)
            if end < now:
                date = getattr(info, "partition_date", None)
                key = getattr(info, "partition_key", None) or ""
                found.append(DueRun(due, start, (start, end), key, date and _utc(date)))
    return found


def _utc(moment: datetime) -> datetime:
    return datetime.fromisoformat(moment.isoformat()).astimezone(timezone.utc)
