"""The mirror of a state machine's run.

The machine and its workers end task instances and the run. The mirror adds the queue's states, what became of dead
containers, and the end of an execution that broke.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from ductwork.contracts import error_names
from ductwork.contracts.ledger import UNMAPPED
from ductwork.contracts.names import EACH_INSTANCE, ONLY_INSTANCE, state_name
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_item import MapItem, TaskItem, ended

from ductwork_airflow.aws.errors import EXECUTION_UNKNOWN, code
from ductwork_airflow.ledger import TaskKey
from ductwork_airflow.mirror import batch_jobs, end_tasks, free_limits
from ductwork_airflow.mirror.execution_history import CHILD_BROKE, History, failure
from ductwork_airflow.mirror.job_attention import Attention
from ductwork_airflow.mirror.poll_pace import PollPace
from ductwork_airflow.run_model.connection import Connection
from ductwork_airflow.run_model.handle import RunHandle, RunProgress

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef


class MachineMirror:
    """Follows one execution, and those of its child machines, and ends the run with it."""

    def __init__(self, connection: Connection, handle: RunHandle) -> None:
        self._aws, self._handle = connection, handle
        self._run_key = (handle.dag_id, handle.run_id)
        self._execution = handle.execution_arn
        self._history: History | None = None
        self._pace = PollPace()
        self._broken_since: float | None = None
        self._attention = Attention()
        self._terminated: set[str] = set()
        self._stopped: set[str] = set()
        self._examined: set[str] = set()
        self._mapped: Mapping[str, MapItem] = {}
        self._jobs_of_mapped: dict[str, tuple[int, list[batch_jobs.Detail]]] = {}

    def look(self) -> RunProgress:
        """Bring the ledger up to date with what Step Functions and Batch say, once."""
        ledger = self._aws.ledger
        run = ledger.run(*self._run_key)
        self._follow(run)
        if run is None or self._execution is None:
            return self._pace.progress(run, [])
        # Before the jobs: what is known of a job is then never older than what is known of its task instance.
        items = ledger.tasks(*self._run_key)
        try:
            execution = self._aws.stepfunctions.describe_execution(executionArn=self._execution)
        except ClientError as error:
            # Long after its end AWS forgets an execution; the ledger does not.
            if code(error) != EXECUTION_UNKNOWN or "ended_at" not in run:
                raise
            return self._pace.progress(run, items)
        wrote = self._take_in(run, items)
        if execution["status"] != "RUNNING" and "ended_at" not in run:
            wrote = self._end(execution) or wrote
        if wrote or execution["status"] != "RUNNING":
            run, items = ledger.run(*self._run_key), ledger.tasks(*self._run_key)
            self._explain(items)
            refused = self._history.refused if self._history else {}
            if run and "ended_at" in run and end_tasks.close_mapped(ledger, run, items, refused):
                items = ledger.tasks(*self._run_key)
        return self._pace.progress(run, items, self._mapped)

    def stop(self, reason: str) -> bool:
        """Stop the execution. False if there is nothing to stop."""
        run = self._aws.ledger.run(*self._run_key)
        self._follow(run)
        if self._execution is None or (run and "ended_at" in run):
            return False
        self._stop_execution(self._execution, reason)
        # AWS does not promise to stop what a stopped execution has started.
        if self._history is not None:
            self._history.read(self._aws.stepfunctions)
            self._stop_children(reason)
        return True

    def _follow(self, run: RunItem | None) -> None:
        """Turn to the run's newest execution: a restart is an execution of its own."""
        newest = (run or {}).get("execution_arn") or self._execution
        if newest != self._execution or (self._history is None and run is not None):
            self._execution, self._broken_since = newest, None
            # A mapped task's instances may have states of their own.
            tasks = {
                state_name(f"{task_id}{index}"): task_id
                for task_id in (run or {}).get("tasks") or {}
                for index in ("", ONLY_INSTANCE, EACH_INSTANCE)
            }
            self._history = History(newest or "", tasks)

    # ---- jobs ----

    def _take_in(self, run: RunItem, items: Sequence[TaskItem]) -> bool:
        """Bring task instances up to date with their jobs. Whether anything was written."""
        if self._history is None:
            return False
        self._history.read(self._aws.stepfunctions)
        known = {(item["task_id"], item["map_index"]): item for item in items}
        over = {item.get("job_id") for item in items if ended(item)}
        waiting = {
            job: task
            for job, task in self._history.in_flight.items()
            if job not in over and not ended(known.get((task, UNMAPPED)))
        }
        jobs = batch_jobs.describe(self._aws.batch, self._attention.choose(waiting, run, items))
        arrays: dict[str, list[batch_jobs.Detail]] = {}
        for job, detail in jobs.items():
            if batch_jobs.array_size(detail) is not None:
                arrays.setdefault(waiting[job], []).append(detail)
        self._mapped = self._aws.ledger.mapped(*self._run_key) if arrays else {}
        wrote = [
            batch_jobs.summarise(self._aws.ledger, self._run_key, task, details, self._mapped.get(task, {}))
            for task, details in arrays.items()
        ]
        wrote += [
            self._report(run, waiting[job], known, detail)
            for job, detail in jobs.items()
            if batch_jobs.array_size(detail) is None
        ]
        return any(wrote)

    def _report(self, run: RunItem, task: str, known: Mapping[TaskKey, TaskItem], job: batch_jobs.Detail) -> bool:
        index = batch_jobs.map_index(job, self._history.indexes if self._history else {})
        item = known.get((task, index))
        if ended(item):
            return False
        native = bool(run["tasks"].get(task, {}).get("native"))
        ledger, facts = self._aws.ledger, batch_jobs.facts(job)
        if native and batch_jobs.is_begun(item, job):
            return False  # a further attempt of the same job is its author's; a further try of Airflow's is a job anew
        if batch_jobs.waits(job) or (native and job["status"] == "RUNNING"):
            number = batch_jobs.coming_try(item, job)
            if number is None or self._is_told(item, job, number):
                return False
            state, found = "running", batch_jobs.begun(job)
            if batch_jobs.waits(job):
                state, number, found = batch_jobs.waiting(item, job, number)
            return batch_jobs.advance(ledger, self._run_key, task, item, state, number, found, map_index=index)
        if item is not None and item.get("job_id") == job["jobId"]:
            batch_jobs.annotate(ledger, item, facts)
        return False

    @staticmethod
    def _is_told(item: TaskItem | None, job: batch_jobs.Detail, number: int) -> bool:
        """Whether the ledger says already that this try is queued."""
        return (
            item is not None
            and item.get("state") == "queued"
            and (item.get("job_id"), item.get("try_number")) == (job["jobId"], number)
            and batch_jobs.waits(job)
        )

    def _explain(self, items: Sequence[TaskItem]) -> None:
        """Say of task instances that failed without a word why their containers ended."""
        refused = self._history.refused if self._history else {}
        for item in items:
            if item.get("state") == "failed" and "error" not in item and item["task_id"] in refused:
                batch_jobs.annotate(self._aws.ledger, item, {"error": refused[item["task_id"]]})
        dead: dict[str, TaskItem] = {}
        for item in batch_jobs.silent(items):
            if job := item.get("job_id") or self._last_job(item["task_id"], item["map_index"]):
                dead[job] = item
        fresh = {job: item for job, item in dead.items() if job not in self._examined}
        going_on = batch_jobs.add_exit_reasons(self._aws.batch, self._aws.ledger, fresh)
        self._examined |= fresh.keys() - going_on

    def _last_job(self, task: str, index: int) -> str | None:
        """The job of a task instance that does not name it: it never said a word."""
        submitted = self._history.submitted.get(task) if self._history else None
        if self._history is None or not submitted or index == UNMAPPED:
            return submitted[-1] if submitted else None
        number, details = self._jobs_of_mapped.get(task, (0, []))
        if number < len(submitted):
            details = list(batch_jobs.describe(self._aws.batch, submitted).values())
            self._jobs_of_mapped[task] = len(submitted), details
        return batch_jobs.job_of(index, details, self._history.indexes)

    # ---- the end of the execution ----

    def _end(self, execution: DescribeExecutionOutputTypeDef) -> bool:
        """End the run of an execution that has ended, where the machine did not do it. Whether it has ended now."""
        ledger = self._aws.ledger
        # Again: what was read before the execution was known to have ended may lack what it began last.
        run, items = ledger.run(*self._run_key), ledger.tasks(*self._run_key)
        if run is None or "ended_at" in run or run.get("execution_arn") != self._execution:
            return True
        status, error = execution["status"], execution.get("error")
        if status == "SUCCEEDED" or error == error_names.RUN_FAILED:
            return end_tasks.finish(ledger, run, "success" if status == "SUCCEEDED" else "failed", None)
        why = self._failure(execution)
        if status == "TIMED_OUT":
            # The run has outlived its dagrun_timeout. Airflow skips what runs then, whatever its process says later.
            end_tasks.end_tasks(ledger, run, items, why, running="skipped")
        if not self._all_ended(items):
            return False
        free_limits.free(self._aws, run)
        return end_tasks.end_all(ledger, run, ledger.tasks(*self._run_key), why)

    def _failure(self, execution: DescribeExecutionOutputTypeDef) -> str:
        """How an execution has ended: as its child did that broke, where that broke it."""
        broken = self._history.broken() if self._history and execution.get("error") in CHILD_BROKE else None
        return f"{execution['status']}: {broken}" if broken else failure(execution)

    def _all_ended(self, items: Sequence[TaskItem]) -> bool:
        """Whether all has ended that a broken execution has started; what AWS leaves running is stopped."""
        self._broken_since = self._broken_since or time.monotonic()
        children = self._stop_children("the execution that has started it has ended")
        workers = self._end_workers(items)
        late = time.monotonic() - self._broken_since > end_tasks.GRACE_SECONDS
        return late or not (children or workers)

    def _stop_children(self, reason: str) -> bool:
        """Stop what runs of child machines. Whether some are not known to have ended: until then they may start more,
        which their histories tell.
        """
        running = self._history.children() if self._history else []
        for child in running:
            if child not in self._stopped:
                self._stop_execution(child, reason)
                self._stopped.add(child)
        return bool(running)

    def _stop_execution(self, execution_arn: str, reason: str) -> None:
        self._aws.stepfunctions.stop_execution(executionArn=execution_arn, error=error_names.STOPPED, cause=reason)

    def _end_workers(self, items: Sequence[TaskItem]) -> bool:
        """End the jobs of a broken execution. Whether any was alive.

        The iterations of a distributed Map are executions of their own, with histories of their own: their jobs are
        known from what the workers have told.
        """
        of_workers = (item["job_id"] for item in items if end_tasks.is_running(item) and item.get("job_id"))
        in_flight = dict.fromkeys([*(self._history.in_flight if self._history else ()), *of_workers])
        jobs = batch_jobs.describe(self._aws.batch, in_flight)
        alive = {job_id for job_id, job in jobs.items() if job["status"] not in batch_jobs.ENDED}
        for job_id in alive - self._terminated:
            self._aws.batch.terminate_job(jobId=job_id, reason="the execution has ended")
        self._terminated |= alive
        return bool(alive)
