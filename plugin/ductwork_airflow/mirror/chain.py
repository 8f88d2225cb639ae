"""The mirror of a job chain's run: Batch is all that carries it, so the mirror ends what no worker can end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ductwork import graph
from ductwork.leaves import leaves

from ductwork_airflow import gate
from ductwork_airflow.ledger import Item
from ductwork_airflow.mirror import endings, jobs
from ductwork_airflow.mirror.connection import Connection
from ductwork_airflow.mirror.instances import Instances, Move
from ductwork_airflow.mirror.looks import Looks
from ductwork_airflow.mirror.machine import SETTLE_SECONDS, STOPPED
from ductwork_airflow.mirror.submitter import Submitter, submitted_by_machine
from ductwork_airflow.submit.claims import Claims
from ductwork_airflow.submit.lookup import ids_of
from ductwork_airflow.submit.remote import RunHandle, RunProgress

_BAD = frozenset({"failed", "upstream_failed"})
# DescribeJobs may lag behind SubmitJob; a job that stays unknown is older than Batch's memory.
_MISSING_LOOKS = 5
# A worker writes its task's end before it ends; without that, Airflow would not believe its executor either.
_SAID_NOTHING = (
    "its container ended well without a word of the task in the ledger: does its job definition run `ductwork worker`?"
)
# For so long after a stop jobs may appear: a submitter looks at its run every second, and ListJobs lags.
_SUBMITTER_SECONDS = 5.0


class ChainMirror:
    """
    :param settle: seconds for which the workers of a stopped run may take to end
    """

    def __init__(self, connection: Connection, handle: RunHandle, *, settle: float = SETTLE_SECONDS) -> None:
        self._aws, self._settle = connection, settle
        self._names = (handle.dag_id, handle.run_id)
        self._looks = Looks()
        self._job_of: dict[str, str] = {}
        self._round = -1
        self._unanswered: list[tuple[str, str]] = []
        self._joins: list[str] = []
        self._examined: set[str] = set()
        self._order: list[str] = []
        self._missing: Counter[tuple[str, int]] = Counter()
        self._stopping_since: float | None = None
        self._submitter: Submitter | None = None
        self._terminated: set[str] = set()

    def look(self) -> RunProgress:
        ledger = self._aws.ledger
        run = ledger.run(*self._names)
        # Before the jobs: what is known of a job is then never older than what is known of its task instance.
        items = ledger.tasks(*self._names) if run else []
        if run is None or "ended_at" in run:
            return self._looks.progress(run, items, self._expanded(run))
        run = self._follow(run)
        instances = Instances(ledger, run, items)
        expanded = self._expanded(run)
        alive = self._take_in(run, instances, expanded)
        if run.get("stopping"):
            self._terminate(run, instances)
            self._end_stopped(run, alive)
        else:
            self._end_instants(instances)
        if run.get("stopping") or instances.is_behind:
            items = ledger.tasks(*self._names)
            instances = Instances(ledger, run, items)
        items = instances.items()
        explained = self._explain(items)
        if explained and not run.get("stopping") and not run.get("restart"):
            self._finish(run, instances)
        return self._looks.progress(ledger.run(*self._names), items, expanded)

    def _expanded(self, run: Item | None) -> Mapping[str, Item]:
        """See :meth:`Ledger.mapped`."""
        mapped = any(own.get("size") for own in (run or {}).get("tasks", {}).values())
        return self._aws.ledger.mapped(*self._names) if mapped else {}

    def stop(self, reason: str) -> bool:
        """Stop all jobs. False if there is nothing to stop."""
        ledger = self._aws.ledger
        run = ledger.run(*self._names)
        if run is None or "ended_at" in run:
            return False
        # Jobs may have ended without anybody looking; then a look is all that is missing.
        if self.look().ended:
            return False
        if "finished_at" in run:
            return True
        ledger.update(run["pk"], run["sk"], {"stopping": reason}, condition="attribute_not_exists(ended_at)")
        if submitted_by_machine(run):
            self._aws.stepfunctions.stop_execution(executionArn=run["execution_arn"], error=STOPPED, cause=reason)
        run = self._follow({**run, "stopping": reason})
        self._terminate(run, Instances(ledger, run, ledger.tasks(*self._names)))
        return True

    def _follow(self, run: Item) -> Item:
        """Learn which jobs an execution has submitted, if it is one that does. The run's item then."""
        if not submitted_by_machine(run):
            return run
        self._submitter = self._submitter or Submitter(self._aws, run)
        return self._submitter.follow(run)

    def _terminate(self, run: Item, instances: Instances) -> None:
        of_tasks = self._jobs(run)
        for job_id in self._joins:
            self._end(job_id, run["stopping"])
        # The last first, so that nothing starts because what it waited for is gone.
        for task, job_id in reversed(of_tasks.items()):
            if instances.left(task):
                self._end(job_id, run["stopping"])
        for queue, name in self._unanswered:
            for job_id in ids_of(self._aws.batch, queue, name):
                self._end(job_id, run["stopping"])

    def _end(self, job_id: str, reason: str) -> None:
        if job_id not in self._terminated:
            self._aws.batch.terminate_job(jobId=job_id, reason=reason)
            self._terminated.add(job_id)

    def _jobs(self, run: Item) -> dict[str, str]:
        """Job ids by task, in the chain's order. The claims are read until all are known, once per round."""
        number = int(run.get("restarts", 0))
        wanted = {facts["job"]: task for task, facts in run["tasks"].items() if "job" in facts}
        if self._round != number or len(self._job_of) < len(wanted):
            of_round = Claims(self._aws.ledger, *self._names, round=number)
            claims = of_round.all()
            self._unanswered = [of_round.place(claim) for claim in claims if of_round.is_unanswered(claim)]
            of_now = [claim for claim in claims if "job_id" in claim and int(claim["round"]) == number]
            self._joins = [claim["job_id"] for claim in of_now if claim["name"] not in wanted]
            self._job_of = {wanted[claim["name"]]: claim["job_id"] for claim in of_now if claim["name"] in wanted}
            # In a restart only what runs again has a job of this round.
            self._round = -1 if run.get("restart") or (not number and len(self._job_of) < len(wanted)) else number
            if self._round == number and number:
                self._job_of |= {task: "" for task in wanted.values() if task not in self._job_of}
        return {task: job for task, job in self._job_of.items() if job}

    # ---- jobs ----

    def _take_in(self, run: Item, instances: Instances, expanded: Mapping[str, Item]) -> bool:
        """Bring task instances up to date with their jobs. Whether any job has not ended."""
        waiting = self._looked_at(run, instances)
        found = jobs.describe(self._aws.batch, waiting.values())
        for task, job_id in waiting.items():
            left, job = instances.left(task), found.get(job_id)
            mapped = job is not None and _is_mapped(run["tasks"][task], job)
            if job is not None and not mapped and job["status"] == "FAILED":
                job = self._with_attempts(job)
            if job is not None and mapped and job["status"] not in jobs.ENDED:
                # Its children report for themselves; what has become of the others is seen when the array has ended.
                jobs.summarise(self._aws.ledger, self._names, task, [job], expanded.get(task, {}))
                continue
            each = self._children(run, task, job, left) if job and mapped else dict.fromkeys(left, job)
            moves = [
                self._told(run, instances, task, index, detail)
                if detail is not None
                else self._miss(run, instances.get(task, index), task, index, job_id)
                for index, detail in each.items()
            ]
            instances.move(move for move in moves if move is not None)
        return any(job["status"] not in jobs.ENDED for job in found.values())

    def _looked_at(self, run: Item, instances: Instances) -> dict[str, str]:
        """Of the jobs that have not ended, by task, those that may have begun, or never will; and others while a call
        has room for them. What waits for jobs that go on is waiting."""
        left = {task: job for task, job in self._jobs(run).items() if instances.left(task)}
        if run.get("stopping") or len(left) <= jobs.DESCRIBE_LIMIT:
            return left
        near = left.keys() & set(instances.due(self._in_order(run)))
        room = -len(near) % jobs.DESCRIBE_LIMIT if near else jobs.DESCRIBE_LIMIT
        near |= set([task for task in left if task not in near][:room])
        return {task: job for task, job in left.items() if task in near}

    def _in_order(self, run: Item) -> list[str]:
        self._order = self._order or graph.topological({task: gate.above(own) for task, own in run["tasks"].items()})
        return self._order

    def _children(self, run: Item, task: str, job: jobs.Detail, left: Sequence[int]) -> dict[int, jobs.Detail | None]:
        """By index what became of children of an array that has ended; None if Batch does not know."""
        ids = {index: f"{job['jobId']}:{index}" for index in left}
        if "group" not in run["tasks"][task]:
            # They wait for the same jobs: if Batch starts none of them, one tells why.
            first = jobs.describe(self._aws.batch, [ids[left[0]]]).get(ids[left[0]])
            if first is not None and _is_below_failure(first):
                return {index: {**first, "jobId": job_id} for index, job_id in ids.items()}
        found = jobs.describe(self._aws.batch, ids.values())
        return {index: found.get(job_id) for index, job_id in ids.items()}

    def _miss(self, run: Item, item: Item | None, task: str, index: int, job_id: str) -> Move | None:
        if "finished_at" in run and run["state"] == "success":
            number = max(int((item or {}).get("try_number", 0)), 1)
            return Move(task, index, "success", number, {"job_id": job_id})
        self._missing[job_id, index] += 1
        if self._missing[job_id, index] < _MISSING_LOOKS:
            return None
        error = f"AWS Batch does not know the job {job_id} (any more)"
        return Move(task, index, "failed", int((item or {}).get("try_number", 0)), {"error": error})

    def _with_attempts(self, job: jobs.Detail) -> jobs.Detail:
        """A failed job, which has no attempts if it is an array of the user's own: the first child's tell whether Batch
        has started it, and the child's reason why not."""
        if jobs.array_size(job) is None:
            return job
        child = f"{job['jobId']}:0"
        first = jobs.describe(self._aws.batch, [child]).get(child, {})
        told = {"statusReason": first["statusReason"]} if first and _is_below_failure(first) else {}
        return {**job, "attempts": first.get("attempts", []), **told}

    def _told(self, run: Item, instances: Instances, task: str, index: int, job: jobs.Detail) -> Move | None:
        """What an instance is to become, by its job."""
        own, item = run["tasks"][task], instances.get(task, index)
        status, facts, native = job["status"], jobs.facts(job), bool(own.get("native"))
        base = int((item or {}).get("base_try", 0))
        number = base + (1 if _is_one_try(own) else max(jobs.attempts(job), 1))
        if run.get("stopping") and not job.get("attempts"):
            return None  # it will be skipped
        if jobs.waits(job):
            return self._queue(own, task, index, item, job)
        if status == "RUNNING" and native:
            coming = _coming_try(own, item, job)
            started = facts | {"started_at": jobs.started_at(job)}
            return None if coming is None else Move(task, index, "running", coming, started)
        if status == "RUNNING" and item is not None and item.get("job_id") == job["jobId"]:
            jobs.annotate(self._aws.ledger, item, facts)
        if status == "SUCCEEDED" and not native:
            return Move(task, index, "failed", number, facts | {"error": _SAID_NOTHING})
        if status == "SUCCEEDED":
            if own.get("push_job_id"):
                self._aws.ledger.put_xcom(*self._names, task, "return_value", job["jobId"])
            return Move(task, index, "success", number, facts | {"started_at": jobs.started_at(job)})
        if status == "FAILED" and not job.get("attempts"):
            return self._not_started(instances, task, index, job, base)
        if status == "FAILED":
            facts |= {"error": (item or {}).get("error") or jobs.exit_reason(job)}
            return Move(task, index, "failed", max(number, int((item or {}).get("try_number", 0))), facts)
        return None

    def _explain(self, items: Sequence[Item]) -> bool:
        """Say of task instances that failed without a word why their containers ended. False if that is yet to come."""
        dead = {item["job_id"]: item for item in jobs.silent(items) if item.get("job_id")}
        fresh = {job: item for job, item in dead.items() if job not in self._examined}
        going_on = jobs.add_exit_reasons(self._aws.batch, self._aws.ledger, fresh)
        self._examined |= fresh.keys() - going_on
        return not going_on

    def _not_started(self, instances: Instances, task: str, index: int, job: jobs.Detail, number: int) -> Move | None:
        reason, facts = job.get("statusReason", ""), jobs.facts(job)
        if not _is_below_failure(job):
            return Move(task, index, "failed", number, facts | {"error": reason})
        verdict = self._below(instances, task, index)
        if verdict is None:
            return None
        if verdict == "run":
            reason = f"{reason}: a job above it ended in a way that a job chain cannot go on after. Restart the run"
        state = "upstream_failed" if verdict == "run" else verdict
        return Move(task, index, state, number, facts | ({} if state == "skipped" else {"error": reason}))

    @staticmethod
    def _below(instances: Instances, task: str, index: int) -> str | None:
        """What the rule of a task says whose job Batch does not start: a worker that is skipped may fail its job to
        that end, and a container may have died.

        None while the ledger does not have the ends of all above it.
        """
        return instances.verdict(task, index) if instances.has_waited(task, index) else None

    @staticmethod
    def _queue(own: Mapping[str, Any], task: str, index: int, item: Item | None, job: jobs.Detail) -> Move | None:
        number = _coming_try(own, item, job)
        # The attempt after the last try ends the task; it is no try.
        if number is None or number > 1 + int((item or {}).get("max_tries", own.get("max_tries", 0))):
            return None
        told = item is not None and (item.get("state"), item.get("job_id")) == ("queued", job["jobId"])
        if told and item is not None and item.get("try_number") == number:
            return None
        return Move(task, index, "queued", number, jobs.facts(job))

    # ---- tasks without a job, and the run ----

    @staticmethod
    def _end_instants(instances: Instances) -> None:
        facts = instances.facts
        if all("job" in own for own in facts.values()):
            return
        for task in graph.topological({task: gate.above(own) for task, own in facts.items()}):
            if "job" not in facts[task]:
                ready = [index for index in instances.left(task) if instances.has_waited(task, index)]
                instances.move([_instant(instances, task, index) for index in ready])

    def _finish(self, run: Item, instances: Instances) -> None:
        facts = instances.facts
        if any(instances.left(task) for task in facts):
            return
        uncounted = {task for task, own in facts.items() if own.get("teardown") and not own.get("fails_run")}
        deciding = leaves({task: own.get("upstream", ()) for task, own in facts.items()}, uncounted)
        failed = any(instances.states(task) & _BAD for task in deciding)
        endings.finish(self._aws.ledger, run, "failed" if failed else "success", None)

    def _end_stopped(self, run: Item, alive: bool) -> None:
        self._stopping_since = self._stopping_since or time.monotonic()
        waited = time.monotonic() - self._stopping_since
        if self._round < 0 and not submitted_by_machine(run) and waited < _SUBMITTER_SECONDS:
            return  # whoever submits it is perhaps still at work
        if not alive or waited > self._settle:
            endings.end_all(self._aws.ledger, run, self._aws.ledger.tasks(*self._names), f"stopped: {run['stopping']}")


def _is_below_failure(job: jobs.Detail) -> bool:
    """Whether Batch has not started a job because one above it failed, in Batch's own words."""
    return not job.get("attempts") and "epend" in job.get("statusReason", "")


def _is_mapped(own: Mapping[str, Any], job: jobs.Detail) -> bool:
    """Whether a job is the array of a mapped task's instances; what a user has made an array of is one task."""
    return bool(own.get("size")) and jobs.array_size(job) is not None


def _is_one_try(own: Mapping[str, Any]) -> bool:
    """Whether the attempts of a task's job are its author's own, and no tries of Airflow's."""
    return bool(own.get("native")) and not own.get("max_tries")


def _coming_try(own: Mapping[str, Any], item: Item | None, job: jobs.Detail) -> int | None:
    begun = item is not None and (item.get("state"), item.get("job_id")) == ("running", job["jobId"])
    return None if begun and _is_one_try(own) else jobs.coming_try(item, job)


def _instant(instances: Instances, task: str, index: int) -> Move:
    """The end of a task without a job."""
    base = int((instances.get(task, index) or {}).get("base_try", 0))
    verdict = instances.verdict(task, index)
    return Move(task, index, "success", base + 1) if verdict == "run" else Move(task, index, verdict, base)
