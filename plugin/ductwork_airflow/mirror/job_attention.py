"""Which jobs of an execution are worth a description: DescribeJobs takes a hundred of them in a call.

====================================  =======================================================================
a job                                 is described
====================================  =======================================================================
that the ledger does not know         at each look
of an array                           at each look, for the counts of its children
that waits for a place                where there are many, a part of them at each look, in turn
that runs, of a worker                until its log is known; then only if its worker's heartbeat stands still
that runs, native                     no more: the machine ends it
====================================  =======================================================================

A job that dies ends its state in the machine, whoever looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from ductwork.contracts.run_item import RunItem, facts_of
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.mirror.batch_jobs import DESCRIBE_LIMIT

# Workers write a heartbeat each [workers] min_heartbeat_interval, 5 s by default.
_SILENT_SECONDS = 30.0
# Of those that wait, so many at a look, or half of them if these are more.
_IN_TURN = 7 * DESCRIBE_LIMIT
_WITH_WORKER = frozenset({"running", "deferred"})


class Attention:
    """Remembers, from one look to the next, what has been seen of jobs.

    :param clock: seconds
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beats: dict[str, tuple[str, float]] = {}
        self._turns: dict[str, int] = {}
        self._turn = 0

    def choose(self, jobs: Mapping[str, str], run: RunItem, items: Iterable[TaskItem]) -> list[str]:
        """The jobs to describe in this look.

        :param jobs: those in flight: task ids by job id
        :param items: the run's task instances
        """
        by_job = {item["job_id"]: item for item in items if "job_id" in item}
        chosen, waiting = [], []
        for job, task in jobs.items():
            item = by_job.get(job)
            if item is None:
                chosen.append(job)
            elif item.get("state") == "queued":
                waiting.append(job)
            elif not (_is_running(item) if facts_of(run, task).get("native") else self._reports(job, item)):
                chosen.append(job)
        self._beats = {job: beat for job, beat in self._beats.items() if job in jobs}
        return chosen + self._next(waiting)

    def _reports(self, job: str, item: TaskItem) -> bool:
        """Whether a worker has the task instance, and nothing is to be added to what it says itself."""
        beat = item.get("heartbeat_at")
        if item.get("state") not in _WITH_WORKER or "log_stream" not in item or beat is None:
            return False
        # By one clock: the worker's may be another.
        last, since = self._beats.get(job, ("", 0.0))
        if beat != last:
            since = self._clock()
            self._beats[job] = beat, since
        return self._clock() - since < _SILENT_SECONDS

    def _next(self, jobs: Sequence[str]) -> list[str]:
        """Those whose last turn is the longest ago."""
        self._turn += 1
        turn = sorted(jobs, key=lambda job: self._turns.get(job, 0))[: max(_IN_TURN, len(jobs) // 2)]
        self._turns = {job: self._turns[job] for job in jobs if job in self._turns} | dict.fromkeys(turn, self._turn)
        return turn


def _is_running(item: TaskItem) -> bool:
    return item.get("state") == "running"
