"""Keeping the ledger true to what Batch reports about a job chain.

Workers write their own progress; the mirror adds what only Batch knows: that a job waits in a queue, that it never ran
because one above it failed, that its container died. One call describes a hundred jobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ductwork.ledger_schema import TERMINAL_STATES

from ductwork_airflow.ledger import Item, Ledger, timestamp

DESCRIBE_LIMIT = 100
_QUEUED = {"RUNNABLE", "STARTING"}


class ChainMirror:
    """
    :param client: a boto3 Batch client
    :param job_ids: the id of each job by its name in the chain
    :param tasks: the chain's manifest of tasks
    """

    def __init__(
        self,
        client: Any,
        ledger: Ledger,
        run: tuple[str, str],
        tasks: Mapping[str, Mapping[str, Any]],
        job_ids: Mapping[str, str],
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._dag_id, self._run_id = run
        self._tasks = tasks
        self._job_of = {task: job_ids[facts["job"]] for task, facts in tasks.items() if "job" in facts}

    def poll(self) -> bool:
        """Bring the ledger up to date once. True when the run has ended, which is recorded too."""
        known = self._known()
        waiting = {task: job for task, job in self._job_of.items() if not _ended(known.get(task))}
        jobs = {job["jobId"]: job for job in self._describe(list(waiting.values()))}
        for task, job_id in waiting.items():
            if job_id in jobs:
                self._report(task, jobs[job_id])
        known = self._known()
        for task, facts in self._tasks.items():
            if "job" not in facts and not _ended(known.get(task)):
                self._end_instant(task, [known.get(up) for up in facts.get("upstream", ())])
        known = self._known()
        if not all(_ended(known.get(task)) for task in self._tasks):
            return False
        self._ledger.finish_run(self._dag_id, self._run_id, self._run_state(known))
        return True

    def _known(self) -> dict[str, Item]:
        return {item["task_id"]: item for item in self._ledger.tasks(self._dag_id, self._run_id)}

    def _describe(self, job_ids: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        for start in range(0, len(job_ids), DESCRIBE_LIMIT):
            yield from self._client.describe_jobs(jobs=list(job_ids[start : start + DESCRIBE_LIMIT]))["jobs"]

    def _report(self, task: str, job: Mapping[str, Any]) -> None:
        attempts = sum("stoppedAt" in attempt for attempt in job.get("attempts", ()))
        facts: dict[str, Any] = {"job_id": job["jobId"]}
        container = job.get("container", {})
        if container.get("logStreamName"):
            facts["log_stream"] = container["logStreamName"]
        if job.get("startedAt"):
            facts["started_at"] = timestamp(datetime.fromtimestamp(job["startedAt"] / 1000, timezone.utc))
        if job["status"] in _QUEUED:
            self._record(task, "queued", attempts + 1, facts)
        elif job["status"] == "SUCCEEDED":
            if self._tasks[task].get("push_job_id"):
                self._ledger.put_xcom(self._dag_id, self._run_id, task, "return_value", job["jobId"])
            self._record(task, "success", max(attempts, 1), facts)
        elif job["status"] == "FAILED" and not job.get("attempts"):
            facts["error"] = job.get("statusReason", "")
            state = "upstream_failed" if "epend" in facts["error"] else "failed"
            self._record(task, state, 0, facts)
        elif job["status"] == "FAILED":
            facts["error"] = exit_reason(job)
            self._record(task, "failed", max(attempts, 1), facts)

    def _end_instant(self, task: str, above: Sequence[Item | None]) -> None:
        if not all(map(_ended, above)):
            return
        states = {item["state"] for item in above if item}
        if states & {"failed", "upstream_failed"}:
            self._record(task, "upstream_failed", 0, {})
        elif "skipped" in states:
            self._record(task, "skipped", 0, {})
        else:
            self._record(task, "success", 1, {})

    def _record(self, task: str, state: str, try_number: int, facts: Mapping[str, Any]) -> None:
        self._ledger.record_task(self._dag_id, self._run_id, task, state, try_number, **facts)

    def _run_state(self, known: Mapping[str, Item]) -> str:
        inner = {up for facts in self._tasks.values() for up in facts.get("upstream", ())}
        bad = {"failed", "upstream_failed"}
        # A task above an empty task counts as inner here, but then the empty task's state repeats its own.
        return "failed" if any(known[task]["state"] in bad for task in self._tasks if task not in inner) else "success"


def add_exit_reasons(client: Any, ledger: Ledger, run: tuple[str, str]) -> None:
    """Say of each failed task instance that could not say it itself why its container ended.

    :param client: a boto3 Batch client
    :param run: DAG id and run id
    """
    silent = {item["job_id"]: item for item in ledger.tasks(*run) if _died_silently(item)}
    for start in range(0, len(silent), DESCRIBE_LIMIT):
        for job in client.describe_jobs(jobs=list(silent)[start : start + DESCRIBE_LIMIT])["jobs"]:
            item = silent[job["jobId"]]
            ledger.update(item["pk"], item["sk"], {"error": exit_reason(job)}, condition="attribute_not_exists(#error)")


def _died_silently(item: Item) -> bool:
    return item["state"] == "failed" and "error" not in item and "job_id" in item


def exit_reason(job: Mapping[str, Any]) -> str:
    """Why a job failed, in one line.

    :param job: one of DescribeJobs' jobs
    """
    container = job.get("container", {})
    reason = container.get("reason") or job.get("statusReason") or "the container ended without a report"
    exit_code = container.get("exitCode")
    return reason if exit_code is None else f"{reason} (exit code {exit_code})"


def _ended(item: Item | None) -> bool:
    return item is not None and item["state"] in TERMINAL_STATES
