"""The mirror of a job chain's run: Batch is all that carries it, so the mirror ends what no worker can end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from ductwork.contracts import error_names
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_item import MapItem, TaskItem
from ductwork.semantics.leaf_rule import leaves
from ductwork.semantics.trigger_rules import FAILED

from ductwork_airflow.mirror import batch_jobs, end_tasks
from ductwork_airflow.mirror.chain_execution import Submitter, submitted_by_machine
from ductwork_airflow.mirror.chain_jobs import ChainJobs
from ductwork_airflow.mirror.job_moves import JobMoves, Missing
from ductwork_airflow.mirror.poll_pace import PollPace
from ductwork_airflow.mirror.task_instances import Instances, Move
from ductwork_airflow.run_model.connection import Connection
from ductwork_airflow.run_model.handle import RunHandle, RunProgress

# For so long after a stop jobs may appear: a submitter looks at its run every second, and ListJobs lags.
_SUBMITTER_SECONDS = 5.0


class ChainMirror:
    """Follows the jobs of one run, and ends the run once all its tasks have ended."""

    def __init__(self, connection: Connection, handle: RunHandle) -> None:
        self._aws = connection
        self._run_key = (handle.dag_id, handle.run_id)
        self._pace = PollPace()
        self._jobs = ChainJobs(connection, self._run_key)
        self._examined: set[str] = set()
        self._missing: Missing = Counter()
        self._stopping_since: float | None = None
        self._submitter: Submitter | None = None

    def look(self) -> RunProgress:
        """Bring the ledger up to date with what Batch says, once."""
        ledger = self._aws.ledger
        run = ledger.run(*self._run_key)
        # Before the jobs: what is known of a job is then never older than what is known of its task instance.
        items = ledger.tasks(*self._run_key) if run else []
        if run is None or "ended_at" in run:
            return self._pace.progress(run, items, self._expanded(run))
        run = self._follow(run)
        instances = Instances(ledger, run, items)
        expanded = self._expanded(run)
        alive = self._take_in(run, instances, expanded)
        if run.get("stopping"):
            self._jobs.terminate(run, instances)
            self._end_stopped(run, alive)
        else:
            self._end_instants(instances)
        if run.get("stopping") or instances.is_behind:
            items = ledger.tasks(*self._run_key)
            instances = Instances(ledger, run, items)
        items = instances.items()
        explained = self._explain(items)
        if explained and not run.get("stopping") and not run.get("restart"):
            self._finish(run, instances)
        return self._pace.progress(ledger.run(*self._run_key), items, expanded)

    def _expanded(self, run: RunItem | None) -> Mapping[str, MapItem]:
        """See :meth:`Ledger.mapped`."""
        mapped = any(own.get("size") for own in (run or {}).get("tasks", {}).values())
        return self._aws.ledger.mapped(*self._run_key) if mapped else {}

    def stop(self, reason: str) -> bool:
        """Stop all jobs. False if there is nothing to stop."""
        ledger = self._aws.ledger
        run = ledger.run(*self._run_key)
        if run is None or "ended_at" in run:
            return False
        # Jobs may have ended without anybody looking; then a look is all that is missing.
        if self.look().ended:
            return False
        if "finished_at" in run:
            return True
        ledger.update(run["pk"], run["sk"], {"stopping": reason}, condition="attribute_not_exists(ended_at)")
        if submitted_by_machine(run):
            self._aws.stepfunctions.stop_execution(
                executionArn=run["execution_arn"], error=error_names.STOPPED, cause=reason
            )
        run = self._follow({**run, "stopping": reason})
        self._jobs.terminate(run, Instances(ledger, run, ledger.tasks(*self._run_key)))
        return True

    def _follow(self, run: RunItem) -> RunItem:
        """Learn which jobs an execution has submitted, if it is one that does. The run's item then."""
        if not submitted_by_machine(run):
            return run
        self._submitter = self._submitter or Submitter(self._aws, run)
        return self._submitter.follow(run)

    # ---- jobs ----

    def _take_in(self, run: RunItem, instances: Instances, expanded: Mapping[str, MapItem]) -> bool:
        """Bring task instances up to date with their jobs. Whether any job has not ended."""
        job_of = self._jobs.jobs_to_describe(run, instances)
        described = batch_jobs.describe(self._aws.batch, job_of.values())
        moves = JobMoves(self._aws, run, instances, self._missing)
        for task, job_id in job_of.items():
            instances.move(moves.by_job(task, job_id, described.get(job_id), expanded.get(task, {})))
        return any(job["status"] not in batch_jobs.ENDED for job in described.values())

    def _explain(self, items: Sequence[TaskItem]) -> bool:
        """Say of task instances that failed without a word why their containers ended. False if that is yet to come."""
        dead = {item["job_id"]: item for item in batch_jobs.silent(items) if item.get("job_id")}
        fresh = {job: item for job, item in dead.items() if job not in self._examined}
        going_on = batch_jobs.add_exit_reasons(self._aws.batch, self._aws.ledger, fresh)
        self._examined |= fresh.keys() - going_on
        return not going_on

    # ---- tasks without a job, and the run ----

    @staticmethod
    def _end_instants(instances: Instances) -> None:
        facts = instances.facts
        jobless = {task for task, own in facts.items() if "job" not in own or task in instances.never_submitted}
        if not jobless:
            return
        for task in instances.order:
            if task in jobless:
                ready = [index for index in instances.left(task) if not instances.is_stuck(task, index)]
                ready = [index for index in ready if instances.has_waited(task, index)]
                instances.move([_instant(instances, task, index) for index in ready])

    def _finish(self, run: RunItem, instances: Instances) -> None:
        facts = instances.facts
        if any(instances.left(task) for task in facts):
            return
        uncounted = {task for task, own in facts.items() if own.get("teardown") and not own.get("fails_run")}
        deciding = leaves({task: own.get("upstream", ()) for task, own in facts.items()}, uncounted)
        failed = instances.blocked or any(instances.states(task) & FAILED for task in deciding)
        end_tasks.finish(self._aws.ledger, run, "failed" if failed else "success", None)

    def _end_stopped(self, run: RunItem, alive: bool) -> None:
        self._stopping_since = self._stopping_since or time.monotonic()
        waited = time.monotonic() - self._stopping_since
        if not self._jobs.all_submitted and not submitted_by_machine(run) and waited < _SUBMITTER_SECONDS:
            return  # whoever submits it is perhaps still at work
        if not alive or waited > end_tasks.GRACE_SECONDS:
            end_tasks.end_all(
                self._aws.ledger, run, self._aws.ledger.tasks(*self._run_key), f"stopped: {run['stopping']}"
            )


def _instant(instances: Instances, task: str, index: int) -> Move:
    """The end of a task without a job."""
    base = int((instances.get(task, index) or {}).get("base_try", 0))
    verdict = instances.verdict(task, index)
    return Move(task, index, "success", base + 1) if verdict == "run" else Move(task, index, verdict, base)
