"""The mirror of a state machine's run.

The machine and its workers end task instances and the run. The mirror adds the queue's states, what became of dead
containers, and the end of an execution that broke.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ductwork.ledger_schema import UNMAPPED
from ductwork.names import EACH_INSTANCE, ONLY_INSTANCE, STATE_NAME_LIMIT, shorten

from ductwork_airflow.ledger import Item, expiry
from ductwork_airflow.mirror import endings, jobs, slots
from ductwork_airflow.mirror.connection import Connection
from ductwork_airflow.mirror.history import History
from ductwork_airflow.mirror.looks import Looks
from ductwork_airflow.submit.remote import RunHandle, RunProgress

# What Batch takes to end a container, and then some.
SETTLE_SECONDS = 90.0
STOPPED = "Ductwork.Stopped"
_OWN_FAILURE = "Ductwork.RunFailed"


class MachineMirror:
    """
    :param settle: seconds for which the workers of a broken execution may take to end
    """

    def __init__(self, connection: Connection, handle: RunHandle, *, settle: float = SETTLE_SECONDS) -> None:
        self._aws, self._handle, self._settle = connection, handle, settle
        self._names = (handle.dag_id, handle.run_id)
        self._execution = handle.execution_arn
        self._history: History | None = None
        self._looks = Looks()
        self._broken_since: float | None = None
        self._terminated: set[str] = set()
        self._examined: set[str] = set()
        self._mapped: Mapping[str, Item] = {}
        self._jobs_of_mapped: dict[str, tuple[int, list[jobs.Detail]]] = {}

    def look(self) -> RunProgress:
        ledger = self._aws.ledger
        run = ledger.run(*self._names)
        self._follow(run)
        if self._execution is None:
            return self._looks.progress(run, [])
        # Before the jobs: what is known of a job is then never older than what is known of its task instance.
        items = ledger.tasks(*self._names)
        execution = self._aws.stepfunctions.describe_execution(executionArn=self._execution)
        wrote = self._take_in(run, items)
        if execution["status"] != "RUNNING" and (run is None or "ended_at" not in run):
            wrote = self._end(execution, run, items) or wrote
        if wrote or execution["status"] != "RUNNING":
            run, items = ledger.run(*self._names), ledger.tasks(*self._names)
            self._explain(items)
            refused = self._history.refused if self._history else {}
            if run and "ended_at" in run and endings.settle(ledger, run, items, refused):
                items = ledger.tasks(*self._names)
        return self._looks.progress(run, items, self._mapped)

    def stop(self, reason: str) -> bool:
        """Stop the execution. False if there is nothing to stop."""
        run = self._aws.ledger.run(*self._names)
        self._follow(run)
        running = self._execution is not None and not (run and "ended_at" in run)
        if running:
            self._aws.stepfunctions.stop_execution(executionArn=self._execution, error=STOPPED, cause=reason)
        return running

    def _follow(self, run: Item | None) -> None:
        """Turn to the run's newest execution: a restart is an execution of its own."""
        newest = (run or {}).get("execution_arn") or self._execution
        if newest != self._execution or (self._history is None and run is not None):
            self._execution, self._broken_since = newest, None
            # A mapped task's instances may have states of their own.
            tasks = {
                shorten(f"{task_id}{index}", STATE_NAME_LIMIT): task_id
                for task_id in (run or {}).get("tasks") or {}
                for index in ("", ONLY_INSTANCE, EACH_INSTANCE)
            }
            self._history = History(newest or "", tasks)

    # ---- jobs ----

    def _take_in(self, run: Item | None, items: Sequence[Item]) -> bool:
        """Bring task instances up to date with their jobs. Whether anything was written."""
        if run is None or self._history is None:
            return False
        self._history.read(self._aws.stepfunctions)
        known = {(item["task_id"], item["map_index"]): item for item in items}
        over = {item.get("job_id") for item in items if jobs.ended(item)}
        waiting = {
            job: task
            for job, task in self._history.in_flight.items()
            if job not in over and not jobs.ended(known.get((task, UNMAPPED)))
        }
        found = jobs.describe(self._aws.batch, waiting)
        arrays: dict[str, list[jobs.Detail]] = {}
        for job, detail in found.items():
            if jobs.array_size(detail) is not None:
                arrays.setdefault(waiting[job], []).append(detail)
        told = self._mapped = self._aws.ledger.mapped(*self._names) if arrays else {}
        wrote = [
            jobs.summarise(self._aws.ledger, self._names, task, details, told.get(task, {}))
            for task, details in arrays.items()
        ]
        wrote += [
            self._report(run, waiting[job], known, detail)
            for job, detail in found.items()
            if jobs.array_size(detail) is None
        ]
        return any(wrote)

    def _report(self, run: Item, task: str, known: Mapping[tuple[str, int], Item], job: jobs.Detail) -> bool:
        index = jobs.map_index(job, self._history.indexes if self._history else {})
        item = known.get((task, index))
        if jobs.ended(item):
            return False
        native = bool(run["tasks"].get(task, {}).get("native"))
        ledger, facts = self._aws.ledger, jobs.facts(job)
        if jobs.waits(job) or (native and job["status"] == "RUNNING"):
            number = jobs.coming_try(item, job)
            if number is None or self._is_told(item, job, number):
                return False
            state = "queued" if jobs.waits(job) else "running"
            started = {"started_at": jobs.started_at(job)} if state == "running" else {}
            return jobs.advance(ledger, self._names, task, item, state, number, facts | started, map_index=index)
        if item is not None and item.get("job_id") == job["jobId"]:
            jobs.annotate(ledger, item, facts)
        return False

    @staticmethod
    def _is_told(item: Item | None, job: jobs.Detail, number: int) -> bool:
        """Whether the ledger says already that this try is queued."""
        return (
            item is not None
            and item.get("state") == "queued"
            and (item.get("job_id"), item.get("try_number")) == (job["jobId"], number)
            and jobs.waits(job)
        )

    def _explain(self, items: Sequence[Item]) -> None:
        """Say of task instances that failed without a word why their containers ended."""
        refused = self._history.refused if self._history else {}
        for item in items:
            if item.get("state") == "failed" and "error" not in item and item["task_id"] in refused:
                jobs.annotate(self._aws.ledger, item, {"error": refused[item["task_id"]]})
        dead: dict[str, Item] = {}
        for item in jobs.silent(items):
            if job := item.get("job_id") or self._last_job(item["task_id"], item["map_index"]):
                dead[job] = item
        fresh = {job: item for job, item in dead.items() if job not in self._examined}
        going_on = jobs.add_exit_reasons(self._aws.batch, self._aws.ledger, fresh)
        self._examined |= fresh.keys() - going_on

    def _last_job(self, task: str, index: int) -> str | None:
        """The job of a task instance that does not name it: it never said a word."""
        submitted = self._history.submitted.get(task) if self._history else None
        if self._history is None or not submitted or index == UNMAPPED:
            return submitted[-1] if submitted else None
        number, details = self._jobs_of_mapped.get(task, (0, []))
        if number < len(submitted):
            details = list(jobs.describe(self._aws.batch, submitted).values())
            self._jobs_of_mapped[task] = len(submitted), details
        return jobs.job_of(index, details, self._history.indexes)

    # ---- the end of the execution ----

    def _end(self, execution: Mapping[str, Any], run: Item | None, items: Sequence[Item]) -> bool:
        """End the run of an execution that has ended, where the machine did not do it. Whether it has ended now."""
        ledger = self._aws.ledger
        if run is None:
            run = ledger.run(*self._names) or self._write_run(execution)
        elif (again := ledger.run(*self._names)) is not None:
            run = again
        if "ended_at" in run or run.get("execution_arn") != self._execution:
            return True
        status, error = execution["status"], execution.get("error")
        if status == "SUCCEEDED" or error == _OWN_FAILURE:
            return endings.finish(ledger, run, "success" if status == "SUCCEEDED" else "failed", None)
        why = ": ".join(filter(None, (status, error, execution.get("cause"))))
        if status == "TIMED_OUT":
            # The run has outlived its dagrun_timeout. Airflow skips what runs then, whatever its process says later.
            endings.end_tasks(ledger, run, items, why, running="skipped")
        if not self._settled(items):
            return False
        slots.free(self._aws, run)
        return endings.end_all(ledger, run, ledger.tasks(*self._names), why)

    def _settled(self, items: Sequence[Item]) -> bool:
        """Whether the workers of a broken execution have ended; those that AWS leaves running are stopped.

        The iterations of a distributed Map are executions of their own, with histories of their own: their jobs are
        known from what the workers have told.
        """
        self._broken_since = self._broken_since or time.monotonic()
        told = (item["job_id"] for item in items if endings.is_running(item) and item.get("job_id"))
        in_flight = dict.fromkeys([*(self._history.in_flight if self._history else ()), *told])
        found = jobs.describe(self._aws.batch, in_flight)
        alive = {job_id for job_id, job in found.items() if job["status"] not in jobs.ENDED}
        for job_id in alive - self._terminated:
            self._aws.batch.terminate_job(jobId=job_id, reason="the execution has ended")
        self._terminated |= alive
        late = time.monotonic() - self._broken_since > self._settle
        return late or not alive

    def _write_run(self, execution: Mapping[str, Any]) -> Item:
        """The run's item, where the execution broke before its first state could write it."""
        given = json.loads(execution.get("input") or "{}")
        attributes = {name: given[name] for name in given if name not in {"run_id", "conf", "done"}}
        self._aws.ledger.start_run(
            *self._names,
            **attributes,
            conf=json.dumps(given.get("conf") or {}),
            target="stepfunctions",
            execution_arn=self._execution,
            tasks={},
            expires_at=expiry(),
        )
        return self._aws.ledger.run(*self._names) or {}
