"""Submitting a job chain exactly once.

SubmitJob has no client token. So each job is claimed in the ledger first, then submitted under a name that only this
run uses, then its id is written into the claim. Every way to be interrupted leaves one of three states behind:

==========================  ===========================================================================
found                       what the next submitter does
==========================  ===========================================================================
no claim                    claims and submits
a claim with an id          nothing
a claim without an id       waits until its owner can no longer be at work, takes the claim over, looks
                            for the job by its name (twice, since ListJobs lags), submits if there is none
==========================  ===========================================================================

A submitter that was slower than its lease finds that its claim is somebody else's and ends the job it has made.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from ductwork import ledger_schema as schema
from ductwork import names

from ductwork_airflow.ledger import Item, Ledger, expiry
from ductwork_airflow.submit.claims import Claims, Job
from ductwork_airflow.submit.documents import fill
from ductwork_airflow.submit.errors import SubmissionError, code, message
from ductwork_airflow.submit.faults import is_throttled, may_have_worked
from ductwork_airflow.submit.request import RunRequest

Dependency = dict[str, str]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How patient submission is, in seconds.

    :param lease: for how long a claim without an id is its owner's
    :param settle: for how long ListJobs may not know a new job yet
    :param backoff: the first wait after a refused or lost SubmitJob; it doubles
    """

    lease: float = 30.0
    settle: float = 3.0
    backoff: float = 1.0
    attempts: int = 8


class ChainSubmitter:
    """
    :param client: a boto3 Batch client
    :param chain: a job chain document, its ``${Substitution}`` places filled
    """

    def __init__(
        self, client: Any, ledger: Ledger, chain: Mapping[str, Any], request: RunRequest, pace: Pace | None = None
    ) -> None:
        self._client, self._ledger, self._chain, self._request = client, ledger, chain, request
        self._pace = pace or Pace()

    def submit(self) -> dict[str, str]:
        """Open the run in the ledger and submit every job that has not been submitted.

        :return: the id of each job by its name in the chain
        :raises SubmissionError: the run's id was used with other values, or Batch refuses a job
        """
        manifest, request = self._chain["manifest"], self._request
        opened = self._ledger.start_run(
            request.dag_id,
            request.run_id,
            **request.run_item(),
            target="batch",
            dag_file=manifest["dag_file"],
            tasks=manifest["tasks"],
            **({"assets": json.dumps(manifest["assets"])} if "assets" in manifest else {}),
            expires_at=expiry(),
        )
        if not opened:
            _check_same(self._ledger.run(request.dag_id, request.run_id) or {}, request)
        _expand(self._ledger, request, manifest["tasks"])
        claims = Claims(self._ledger, request.dag_id, request.run_id)
        return JobSubmitter(self._client, claims, self._pace).submit(self._jobs())

    def _jobs(self) -> list[Job]:
        values = {f"run:{name}": value for name, value in self._request.placeholders().items()}
        return [
            Job(job["name"], tuple(job["depends_on"]), fill(job["submit"], values), position, job.get("group", ""))
            for position, job in enumerate(self._chain["jobs"])
        ]


def _expand(ledger: Ledger, request: RunRequest, tasks: Mapping[str, Mapping[str, Any]]) -> None:
    """Tell how many instances mapped tasks have, as a state machine does when it expands them."""
    pk = schema.run_pk(request.dag_id, request.run_id)
    for task_id, own in tasks.items():
        if own.get("size"):
            ledger.update(pk, schema.map_sk(task_id), {"size": own["size"], "expires_at": expiry()})


def _check_same(run: Item, request: RunRequest) -> None:
    wanted = {**request.run_item(), "target": "batch"}
    for name, value in wanted.items():
        if run.get(name) != value:
            raise SubmissionError(
                f"run {request.run_id!r} of DAG {request.dag_id!r} exists already with other values: "
                f"{name} is {run.get(name)!r}, not {value!r}. Choose another run id"
            )


class JobSubmitter:
    """Submits jobs in order, each exactly once per round of its claims."""

    def __init__(self, client: Any, claims: Claims, pace: Pace | None = None) -> None:
        self._client, self._claims, self._pace = client, claims, pace or Pace()
        self._suffix = f"-{names.run_hash(claims.dag_id, claims.run_id)}" + (
            f"-r{claims.round}" if claims.round else ""
        )
        # botocore sends a request again when the reply was lost, which for SubmitJob makes a second job.
        client.meta.events.register("request-created.batch.SubmitJob", _refuse_resending, unique_id="ductwork-once")

    def submit(self, jobs: Iterable[Job]) -> dict[str, str]:
        """
        :param jobs: in topological order; what they depend on among themselves is kept, all else has ended well
        """
        ids: dict[str, str] = {}
        groups: dict[str, str] = {}
        for job in jobs:
            groups[job.name] = job.group
            above = {ids[name]: bool(job.group) and groups[name] == job.group for name in job.above if name in ids}
            ids[job.name] = self._once(job, [_dependency(job_id, each) for job_id, each in above.items()])
        return ids

    def run_name(self, job: Job) -> str:
        """The job's name in Batch, which no other job of the account has."""
        return names.shorten(job.submit["jobName"], names.JOB_NAME_LIMIT - len(self._suffix)) + self._suffix

    def _once(self, job: Job, above: list[Dependency]) -> str:
        if not self._claims.make(job):
            if (known := self._await_owner(job)) is not None:
                return known
            if (found := self._look_twice(job)) is not None:
                return self._resolved(job, above, found)
        return self._resolved(job, above, self._send(job, above))

    def _await_owner(self, job: Job) -> str | None:
        """The id that the claim's owner has written; None once the claim is ours."""
        while True:
            seen = self._claims.get(job)
            if "job_id" in seen:
                return str(seen["job_id"])
            left = float(seen["claimed_at"]) + self._pace.lease - time.time()
            if left > 0:
                time.sleep(min(left, 1.0))
            elif self._claims.take_over(job, seen):
                return None

    def _resolved(self, job: Job, above: list[Dependency], job_id: str) -> str:
        """Write the id into the claim; where the claim was lost to somebody else, theirs is the job."""
        if self._claims.resolve(job, job_id):
            return job_id
        if (winner := self._claims.get(job).get("job_id")) == job_id:
            return job_id
        log.warning("job %s is submitted by somebody else too; ending %s", job.name, job_id)
        self._client.terminate_job(jobId=job_id, reason="submitted twice; the other one is kept")
        return str(winner) if winner else self._once(job, above)

    def _send(self, job: Job, above: list[Dependency]) -> str:
        request = {**job.submit, "jobName": self.run_name(job), "dependsOn": above}
        wait = self._pace.backoff
        for attempt in range(self._pace.attempts):
            try:
                return str(self._client.submit_job(**request)["jobId"])
            except (ClientError, BotoCoreError, ResendError) as error:
                if attempt == self._pace.attempts - 1 or not (may_have_worked(error) or is_throttled(error)):
                    raise _explained(error, job) from error
                log.warning("SubmitJob of %s: %s; looking whether it worked", job.name, error)
            time.sleep(wait)
            wait *= 2
            if (found := self._look_twice(job)) is not None:
                return found
        raise AssertionError("the last attempt returns or raises")

    def _look_twice(self, job: Job) -> str | None:
        if (found := self._find(job)) is not None:
            return found
        time.sleep(self._pace.settle)
        return self._find(job)

    def _find(self, job: Job) -> str | None:
        """The id of the job of this name. JOB_NAME ignores case and any status filter."""
        name = self.run_name(job)
        pages = self._client.get_paginator("list_jobs").paginate(
            jobQueue=job.submit["jobQueue"], filters=[{"name": "JOB_NAME", "values": [name]}]
        )
        return next(
            (str(one["jobId"]) for page in pages for one in page["jobSummaryList"] if one["jobName"] == name), None
        )


def _dependency(job_id: str, one_by_one: bool) -> Dependency:
    return {"jobId": job_id, "type": "N_TO_N"} if one_by_one else {"jobId": job_id}


class ResendError(RuntimeError):
    """botocore was about to send the same SubmitJob again."""


def _refuse_resending(request: Any, **_: Any) -> None:
    if request.context.get("retries", {}).get("attempt", 1) > 1:
        raise ResendError("the reply to SubmitJob was lost")


def _explained(error: Exception, job: Job) -> Exception:
    if isinstance(error, ClientError) and code(error) in {"ClientException", "AccessDeniedException"}:
        queue, definition = job.submit["jobQueue"], job.submit["jobDefinition"]
        return SubmissionError(
            f"Batch refuses the job {job.name} (queue {queue}, definition {definition}): {message(error)}; "
            "mend it and submit the run again: what has been submitted stays as it is"
        )
    return error
