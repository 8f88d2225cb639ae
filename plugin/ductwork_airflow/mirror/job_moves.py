"""What the task instances of a chain are to become, by what AWS Batch says of their jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_facts import TaskFacts
from ductwork.contracts.task_item import MapItem, TaskItem, max_tries, tried
from ductwork.semantics.trigger_rules import NO_STATUS

from ductwork_airflow.ledger import TaskKey
from ductwork_airflow.mirror import batch_jobs
from ductwork_airflow.mirror.task_instances import Instances, Move
from ductwork_airflow.run_model.connection import Connection

if TYPE_CHECKING:
    from ductwork_airflow.mirror.batch_jobs import Detail

# DescribeJobs may lag behind SubmitJob; a job that stays unknown is older than Batch's memory.
_MISSING_LOOKS = 5
# A worker writes its task's end before it ends; without that, Airflow would not believe its executor either.
_SAID_NOTHING = (
    "its container ended well without a word of the task in the ledger: does its job definition run `ductwork worker`?"
)

Missing = Counter[TaskKey]
"""In how many looks Batch has not known a job, by its id and the map index."""


class JobMoves:
    """One look's.

    :param run: the run's item
    :param missing: kept from look to look
    """

    def __init__(self, connection: Connection, run: RunItem, instances: Instances, missing: Missing) -> None:
        self._aws, self._run, self._instances, self._missing = connection, run, instances, missing
        self._run_key = (run["dag_id"], run["run_id"])

    def by_job(self, task: str, job_id: str, job: Detail | None, expanded: MapItem) -> list[Move]:
        """Of a task's instances that have not ended.

        :param task: its id
        :param job: None if Batch does not know it
        :param expanded: what the ledger has of a mapped task
        """
        left = self._instances.left(task)
        each: dict[int, Detail | None] = dict.fromkeys(left, job)
        if job is not None and _is_mapped(self._run["tasks"][task], job):
            if job["status"] not in batch_jobs.ENDED:
                # Its children report for themselves; what has become of the others is seen when the array has ended.
                batch_jobs.summarise(self._aws.ledger, self._run_key, task, [job], expanded)
                return []
            each = self._children(task, job, left)
        elif job is not None and job["status"] == "FAILED":
            each = dict.fromkeys(left, self._with_attempts(job))
        moves = [
            self._by_detail(task, index, detail) if detail is not None else self._missed(task, index, job_id)
            for index, detail in each.items()
        ]
        return [move for move in moves if move is not None]

    def _children(self, task: str, array: Detail, left: Sequence[int]) -> dict[int, Detail | None]:
        """By index what became of children of an array that has ended; None if Batch does not know."""
        ids = {index: f"{array['jobId']}:{index}" for index in left}
        if "group" not in self._run["tasks"][task]:
            # They wait for the same jobs: if Batch starts none of them, one tells why.
            first = batch_jobs.describe(self._aws.batch, [ids[left[0]]]).get(ids[left[0]])
            if first is not None and _is_below_failure(first):
                return {index: {**first, "jobId": job_id} for index, job_id in ids.items()}
        children = batch_jobs.describe(self._aws.batch, ids.values())
        return {index: children.get(job_id) for index, job_id in ids.items()}

    def _with_attempts(self, job: Detail) -> Detail:
        """A failed job, which has no attempts if it is an array of the user's own: the first child's tell whether Batch
        has started it, and the child's reason why not."""
        if batch_jobs.array_size(job) is None:
            return job
        child = f"{job['jobId']}:0"
        first = batch_jobs.describe(self._aws.batch, [child]).get(child)
        if first is None:
            return {**job, "attempts": []}
        why = first if _is_below_failure(first) else job
        return {**job, "attempts": first.get("attempts", []), "statusReason": why.get("statusReason", "")}

    def _missed(self, task: str, index: int, job_id: str) -> Move | None:
        """Of an instance whose job Batch does not know."""
        number = tried(self._instances.get(task, index))
        if "finished_at" in self._run and self._run["state"] == "success":
            return Move(task, index, "success", max(number, 1), {"job_id": job_id})
        self._missing[job_id, index] += 1
        if self._missing[job_id, index] < _MISSING_LOOKS:
            return None
        error = f"AWS Batch does not know the job {job_id} (any more)"
        return Move(task, index, "failed", number, {"error": error})

    def _by_detail(self, task: str, index: int, job: Detail) -> Move | None:
        facts, item = self._run["tasks"][task], self._instances.get(task, index)
        if item is None and task in self._instances.may_wait_in_vain and not self._instances.has_waited(task, index):
            return None  # its worker may have found that it waits in vain, of which there is no record
        if self._run.get("stopping") and not job.get("attempts"):
            return None  # it will be skipped
        if batch_jobs.waits(job):
            return _queued(facts, task, index, item, job)
        if job["status"] == "RUNNING":
            return self._running(facts, task, index, item, job)
        if job["status"] == "SUCCEEDED":
            return self._succeeded(facts, task, index, item, job)
        if job["status"] == "FAILED" and not job.get("attempts"):
            return self._not_started(task, index, item, job)
        if job["status"] == "FAILED":
            error = (item or {}).get("error") or batch_jobs.exit_reason(job)
            number = max(_last_try(facts, item, job), tried(item))
            return Move(task, index, "failed", number, batch_jobs.facts(job) | {"error": error})
        return None

    def _running(self, facts: TaskFacts, task: str, index: int, item: TaskItem | None, job: Detail) -> Move | None:
        if not facts.get("native"):
            # Its worker reports for itself.
            if item is not None and item.get("job_id") == job["jobId"]:
                batch_jobs.annotate(self._aws.ledger, item, batch_jobs.facts(job))
            return None
        coming = _coming_try(facts, item, job)
        return None if coming is None else Move(task, index, "running", coming, batch_jobs.begun(job))

    def _succeeded(self, facts: TaskFacts, task: str, index: int, item: TaskItem | None, job: Detail) -> Move:
        number, of_job = _last_try(facts, item, job), batch_jobs.facts(job)
        if not facts.get("native"):
            return Move(task, index, "failed", number, of_job | {"error": _SAID_NOTHING})
        if facts.get("push_job_id"):
            self._aws.ledger.put_xcom(*self._run_key, task, "return_value", job["jobId"])
        return Move(task, index, "success", number, of_job | {"started_at": batch_jobs.started_at(job)})

    def _not_started(self, task: str, index: int, item: TaskItem | None, job: Detail) -> Move | None:
        """Of an instance whose job Batch has ended without starting it. A worker that is skipped may fail its job to
        that end, and a container may have died: the rule says what the instance is, once all above it have ended."""
        reason, of_job, number = (
            job.get("statusReason", ""),
            batch_jobs.facts(job),
            int((item or {}).get("base_try", 0)),
        )
        if not _is_below_failure(job):
            return Move(task, index, "failed", number, of_job | {"error": reason})
        verdict = self._instances.verdict(task, index) if self._instances.has_waited(task, index) else None
        if verdict in (None, NO_STATUS):
            return None
        if verdict == "skipped":
            return Move(task, index, verdict, number, of_job)
        if verdict == "run":
            reason = f"{reason}: a job above it ended in a way that a job chain cannot go on after. Restart the run"
        return Move(task, index, "upstream_failed", number, of_job | {"error": reason})


def _is_mapped(facts: TaskFacts, job: Detail) -> bool:
    """Whether a job is the array of a mapped task's instances; what a user has made an array of is one task."""
    return bool(facts.get("size")) and batch_jobs.array_size(job) is not None


def _queued(facts: TaskFacts, task: str, index: int, item: TaskItem | None, job: Detail) -> Move | None:
    number = _coming_try(facts, item, job)
    if number is None:
        return None
    said = (item or {}).get("state"), (item or {}).get("job_id"), (item or {}).get("try_number")
    if said == ("queued", job["jobId"], number):
        return None
    state, number, found = batch_jobs.waiting(item, job, number)
    return Move(task, index, state, number, found)


def _is_below_failure(job: Detail) -> bool:
    """Whether Batch has not started a job because one above it failed, in Batch's own words."""
    return not job.get("attempts") and "epend" in job.get("statusReason", "")


def _is_one_try(facts: TaskFacts) -> bool:
    """Whether the attempts of a task's job are its author's own, and no tries of Airflow's."""
    return bool(facts.get("native")) and not facts.get("max_tries")


def _last_try(facts: TaskFacts, item: TaskItem | None, job: Detail) -> int:
    """The number of the try that a job's last attempt was."""
    return int((item or {}).get("base_try", 0)) + (1 if _is_one_try(facts) else max(batch_jobs.attempts(job), 1))


def _coming_try(facts: TaskFacts, item: TaskItem | None, job: Detail) -> int | None:
    """The number of the try that a job is for; None if the ledger has it already, or its worker will say so."""
    if not facts.get("native"):
        number = batch_jobs.coming_try(item, job)
    else:
        # No worker counts its tries: Batch does.
        attempt = 1 if _is_one_try(facts) else batch_jobs.attempts(job) + 1
        number = int((item or {}).get("base_try", 0)) + attempt
        if batch_jobs.is_begun(item, job) and number <= tried(item):
            return None
    # The attempt after the last try ends the task; it is no try.
    return None if number is None or number > 1 + max_tries(item, facts) else number
