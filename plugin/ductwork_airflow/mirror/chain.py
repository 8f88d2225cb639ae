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
from ductwork_airflow.mirror.looks import Looks
from ductwork_airflow.mirror.machine import SETTLE_SECONDS, STOPPED
from ductwork_airflow.mirror.submitter import Submitter, submitted_by_machine
from ductwork_airflow.submit.claims import Claims
from ductwork_airflow.submit.remote import RunHandle, RunProgress

_BAD = frozenset({"failed", "upstream_failed"})
# DescribeJobs may lag behind SubmitJob; a job that stays unknown is older than Batch's memory.
_MISSING_LOOKS = 5


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
        self._examined: set[str] = set()
        self._missing: Counter[str] = Counter()
        self._stopping_since: float | None = None
        self._submitter: Submitter | None = None
        self._terminated: set[str] = set()

    def look(self) -> RunProgress:
        ledger = self._aws.ledger
        run = ledger.run(*self._names)
        if run is None or "ended_at" in run:
            return self._looks.progress(run, ledger.tasks(*self._names) if run else [])
        run = self._follow(run)
        # Before the jobs: what is known of a job is then never older than what is known of its task instance.
        items = ledger.tasks(*self._names)
        known = {item["task_id"]: item for item in items}
        alive = self._take_in(run, known)
        if run.get("stopping"):
            self._terminate(run, known)
            self._end_stopped(run, alive)
        else:
            self._end_instants(run)
        items = ledger.tasks(*self._names)
        self._explain(items)
        if not run.get("stopping") and not run.get("restart"):
            self._finish(run, items)
        return self._looks.progress(ledger.run(*self._names), items)

    def stop(self, reason: str) -> bool:
        """Stop all jobs. False if there is nothing to stop."""
        ledger = self._aws.ledger
        run = ledger.run(*self._names)
        if run is None or "ended_at" in run:
            return False
        if "finished_at" in run:
            return True  # a look is all that is missing
        ledger.update(run["pk"], run["sk"], {"stopping": reason}, condition="attribute_not_exists(ended_at)")
        if submitted_by_machine(run):
            self._aws.stepfunctions.stop_execution(executionArn=run["execution_arn"], error=STOPPED, cause=reason)
        run = self._follow({**run, "stopping": reason})
        self._terminate(run, {item["task_id"]: item for item in ledger.tasks(*self._names)})
        return True

    def _follow(self, run: Item) -> Item:
        """Learn which jobs an execution has submitted, if it is one that does. The run's item then."""
        if not submitted_by_machine(run):
            return run
        self._submitter = self._submitter or Submitter(self._aws, run)
        return self._submitter.follow(run)

    def _terminate(self, run: Item, known: Mapping[str, Item]) -> None:
        # The last first, so that nothing starts because what it waited for is gone.
        for task, job_id in reversed(self._jobs(run).items()):
            if not jobs.ended(known.get(task)) and job_id not in self._terminated:
                self._aws.batch.terminate_job(jobId=job_id, reason=run["stopping"])
                self._terminated.add(job_id)

    def _jobs(self, run: Item) -> dict[str, str]:
        """Job ids by task, in the chain's order. The claims are read until all are known, once per round."""
        number = int(run.get("restarts", 0))
        wanted = {facts["job"]: task for task, facts in run["tasks"].items() if "job" in facts}
        if self._round != number or len(self._job_of) < len(wanted):
            claims = Claims(self._aws.ledger, *self._names).all()
            self._job_of = {
                wanted[claim["name"]]: claim["job_id"]
                for claim in claims
                if "job_id" in claim and int(claim["round"]) == number and claim["name"] in wanted
            }
            # In a restart only what runs again has a job of this round.
            self._round = -1 if run.get("restart") or (not number and len(self._job_of) < len(wanted)) else number
            if self._round == number and number:
                self._job_of |= {task: "" for task in wanted.values() if task not in self._job_of}
        return {task: job for task, job in self._job_of.items() if job}

    # ---- jobs ----

    def _take_in(self, run: Item, known: Mapping[str, Item]) -> bool:
        """Bring task instances up to date with their jobs. Whether any job has not ended."""
        waiting = {task: job for task, job in self._jobs(run).items() if not jobs.ended(known.get(task))}
        found = jobs.describe(self._aws.batch, waiting.values())
        for task, job_id in waiting.items():
            if job_id in found:
                self._report(run, task, known.get(task), found[job_id])
            else:
                self._miss(run, task, known.get(task), job_id)
        return any(job["status"] not in jobs.ENDED for job in found.values())

    def _miss(self, run: Item, task: str, item: Item | None, job_id: str) -> None:
        if "finished_at" in run and run["state"] == "success":
            self._advance(task, item, "success", max(int((item or {}).get("try_number", 0)), 1), {"job_id": job_id})
            return
        self._missing[job_id] += 1
        if self._missing[job_id] >= _MISSING_LOOKS:
            number = int((item or {}).get("try_number", 0))
            self._advance(
                task, item, "failed", number, {"error": f"AWS Batch does not know the job {job_id} (any more)"}
            )

    def _report(self, run: Item, task: str, item: Item | None, job: jobs.Detail) -> None:
        status, facts, native = job["status"], jobs.facts(job), bool(run["tasks"][task].get("native"))
        base = int((item or {}).get("base_try", 0))
        number = base + max(jobs.attempts(job), 1)
        if run.get("stopping") and not job.get("attempts"):
            return  # it will be skipped
        if jobs.waits(job):
            self._queue(run["tasks"][task], task, item, job)
        elif status == "RUNNING" and native:
            coming = jobs.coming_try(item, job)
            if coming is not None:
                self._advance(task, item, "running", coming, facts | {"started_at": jobs.started_at(job)})
        elif status == "RUNNING" and item is not None and item.get("job_id") == job["jobId"]:
            jobs.annotate(self._aws.ledger, item, facts)
        elif status == "SUCCEEDED":
            if run["tasks"][task].get("push_job_id"):
                self._aws.ledger.put_xcom(*self._names, task, "return_value", job["jobId"])
            started = {"started_at": jobs.started_at(job)} if native else {}
            self._advance(task, item, "success", number, facts | started)
        elif status == "FAILED" and not job.get("attempts"):
            self._not_started(run, task, item, job, base)
        elif status == "FAILED":
            facts |= {"error": (item or {}).get("error") or jobs.exit_reason(job)}
            self._advance(task, item, "failed", max(number, int((item or {}).get("try_number", 0))), facts)

    def _explain(self, items: Sequence[Item]) -> None:
        """Say of task instances that failed without a word why their containers ended."""
        dead = {item["job_id"]: item for item in jobs.silent(items) if item.get("job_id")}
        fresh = {job: item for job, item in dead.items() if job not in self._examined}
        jobs.add_exit_reasons(self._aws.batch, self._aws.ledger, fresh)
        self._examined |= fresh.keys()

    def _not_started(self, run: Item, task: str, item: Item | None, job: jobs.Detail, number: int) -> None:
        reason, facts = job.get("statusReason", ""), jobs.facts(job)
        # Batch's own words for a job that it does not start because one above it failed.
        if "epend" not in reason:
            self._advance(task, item, "failed", number, facts | {"error": reason})
            return
        verdict = self._below(run, task)
        if verdict == "run":
            reason = f"{reason}: a job above it ended in a way that a job chain cannot go on after. Restart the run"
        if verdict is not None:
            state = "upstream_failed" if verdict == "run" else verdict
            self._advance(task, item, state, number, facts | ({} if state == "skipped" else {"error": reason}))

    def _below(self, run: Item, task: str) -> str | None:
        """What the rule of a task says whose job Batch does not start: a worker that is skipped may fail its job to
        that end, and a container may have died.

        None while the ledger does not have the ends of all above it.
        """
        own = run["tasks"][task]
        items = self._aws.ledger.tasks(*self._names)
        known = {item["task_id"]: item for item in items}
        ends = [known.get(up) for up in gate.above(own)]
        if "rule" not in own and any(item["state"] in _BAD for item in ends if item is not None):
            return "upstream_failed"
        if not all(map(jobs.ended, ends)):
            return None
        return gate.evaluate(task, run["tasks"], items)

    def _queue(self, own: Mapping[str, Any], task: str, item: Item | None, job: jobs.Detail) -> None:
        number = jobs.coming_try(item, job)
        # The attempt after the last try ends the task; it is no try.
        if number is not None and number > 1 + int((item or {}).get("max_tries", own.get("max_tries", 0))):
            return
        told = item is not None and (item.get("state"), item.get("job_id")) == ("queued", job["jobId"])
        if number is not None and not (told and item is not None and item.get("try_number") == number):
            self._advance(task, item, "queued", number, jobs.facts(job))

    def _advance(self, task: str, item: Item | None, state: str, number: int, found: Mapping[str, Any]) -> None:
        jobs.advance(self._aws.ledger, self._names, task, item, state, number, found)

    # ---- tasks without a job, and the run ----

    def _end_instants(self, run: Item) -> None:
        instants = {task for task, facts in run["tasks"].items() if "job" not in facts}
        if not instants:
            return
        items = self._aws.ledger.tasks(*self._names)
        known = {item["task_id"]: item for item in items}
        decided = gate.Gate(run["tasks"], items)
        ended = {task for task, item in known.items() if jobs.ended(item)}
        for task in graph.topological({task: gate.above(own) for task, own in run["tasks"].items()}):
            if task in instants and task not in ended and ended.issuperset(gate.above(run["tasks"][task])):
                self._end_instant(task, known.get(task), decided.verdict(task))
                ended.add(task)

    def _end_instant(self, task: str, item: Item | None, verdict: str) -> None:
        base = int((item or {}).get("base_try", 0))
        if verdict == "run":
            self._advance(task, item, "success", base + 1, {})
        else:
            self._advance(task, item, verdict, base, {})

    def _finish(self, run: Item, items: Sequence[Item]) -> None:
        known = {item["task_id"]: item for item in items}
        if not all(jobs.ended(known.get(task)) for task in run["tasks"]):
            return
        uncounted = {task for task, own in run["tasks"].items() if own.get("teardown") and not own.get("fails_run")}
        deciding = leaves({task: own.get("upstream", ()) for task, own in run["tasks"].items()}, uncounted)
        failed = any(known[task]["state"] in _BAD for task in deciding)
        endings.finish(self._aws.ledger, run, "failed" if failed else "success", None)

    def _end_stopped(self, run: Item, alive: bool) -> None:
        self._stopping_since = self._stopping_since or time.monotonic()
        if not alive or time.monotonic() - self._stopping_since > self._settle:
            endings.end_all(self._aws.ledger, run, self._aws.ledger.tasks(*self._names), f"stopped: {run['stopping']}")
