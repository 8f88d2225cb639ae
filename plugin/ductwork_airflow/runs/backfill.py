"""Runs of the past, started one after another, so many at a time: what Airflow's backfill does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from ductwork.contracts.run_item import RunItem

from ductwork_airflow.aws.clients import Clients
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.runs.restart import restart
from ductwork_airflow.runs.watcher import RunWatcher

# What becomes of a run of the same logical date that there is already: nothing, or all its tasks run again.
REPROCESS = ("none", "failed", "completed")
_LONGEST_WAIT_SECONDS = 30.0


class Backfill:
    """Starts runs and watches them to their ends.

    :param start: starts a run, or finds it if it was started before
    :param reprocess: one of :data:`REPROCESS`: of the runs that are there, which run again
    :param max_active: how many go on at a time
    :param tell: is given a line for each thing that happens
    """

    def __init__(
        self,
        clients: Clients,
        ledger: Ledger,
        start: Callable[[RunRequest], RunHandle],
        *,
        reprocess: str = "none",
        max_active: int = 10,
        tell: Callable[[str], None] = print,
    ) -> None:
        self._clients, self._ledger, self._start, self._tell = clients, ledger, start, tell
        self._reprocess, self._max_active = reprocess, max_active
        self._active: dict[str, RunWatcher] = {}
        self.ended: Counter[str] = Counter()

    def run(self, requests: Sequence[RunRequest], target: str) -> Counter[str]:
        """Start all of them in their order, and wait for the last.

        :return: how many ended in which state; ``left alone`` for those that were there already
        :raises SubmissionError, ClientError, BotoCoreError: the same call goes on where this one stopped
        """
        there = self._there(requests)
        for request in requests:
            while len(self._active) >= self._max_active:
                self._look(request.dag_id)
            handle = self._begun(request, there.get(_identity(request)), target)
            if handle is None:
                self.ended["left alone"] += 1
            else:
                self._active[handle.run_id] = RunWatcher(self._clients, handle)
        while self._active:
            self._look(requests[0].dag_id)
        return self.ended

    def _there(self, requests: Sequence[RunRequest]) -> dict[str, RunItem]:
        """The newest run of each logical date, or partition."""
        found: dict[str, RunItem] = {}
        for run in self._ledger.runs(requests[0].dag_id):
            found.setdefault(run.get("partition_key") or run["logical_date"], run)
        return found

    def _begun(self, request: RunRequest, there: RunItem | None, target: str) -> RunHandle | None:
        if there is None:
            self._tell(f"{request.run_id}: started")
            return self._start(request)
        handle = RunHandle(request.dag_id, there["run_id"], target, self._ledger.table, there.get("execution_arn"))
        if "ended_at" not in there:
            own = there["run_id"] == request.run_id
            self._tell(f"{there['run_id']}: goes on already")
            return handle if own else None
        again = {"none": (), "failed": ("failed",), "completed": ("failed", "success")}[self._reprocess]
        if there["state"] not in again:
            self._tell(f"{there['run_id']}: there already ({there['state']})")
            return None
        self._tell(f"{there['run_id']}: all its tasks run again")
        tasks = {item["task_id"] for item in self._ledger.tasks(request.dag_id, there["run_id"])}
        return restart(self._clients, handle, task_ids=sorted(tasks))

    def _look(self, dag_id: str) -> None:
        waits = []
        for run_id, watcher in list(self._active.items()):
            looked = watcher.poll()
            waits.append(looked.wait)
            if looked.ended:
                del self._active[run_id]
                state = (self._ledger.run(dag_id, run_id) or {}).get("state", "failed")
                self.ended[state] += 1
                self._tell(f"{run_id}: {state}")
        if len(self._active) == len(waits):
            time.sleep(min([*waits, _LONGEST_WAIT_SECONDS]))


def _identity(request: RunRequest) -> str:
    return request.partition_key or request.logical_date.isoformat()
