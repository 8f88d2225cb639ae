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

A submitter that was slower than its lease finds that another submitter has its claim, and ends the job it has made once
it knows another. A submitter whose run is stopped sends nothing more (:mod:`.stop_check`).

Jobs are sent several at a time, each after those it depends on, at a rate that AWS can take (:mod:`.pace`). All of them
are checked against Batch's limits before the first is sent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, cast

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from ductwork.contracts import absent_tasks, batch_limits, task_facts
from ductwork.contracts import ledger as schema
from ductwork.contracts.job_chain import JobChain
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_facts import Facts

from ductwork_airflow.aws.errors import ACCESS_DENIED, BATCH_REFUSED, SubmissionError, code, message
from ductwork_airflow.aws.transient_errors import is_throttled, may_have_worked
from ductwork_airflow.ledger import Ledger, expiry
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.submit.claims import Claims, Job
from ductwork_airflow.submit.job_lookup import ids_of
from ductwork_airflow.submit.pace import Pace, Pacer
from ductwork_airflow.submit.resubmission import among_themselves
from ductwork_airflow.submit.stop_check import Going, StoppedError
from ductwork_airflow.submit.substitutions import fill
from ductwork_airflow.trigger_rules import no_instance

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobDependencyTypeDef as Dependency
    from mypy_boto3_batch.type_defs import SubmitJobRequestTypeDef


log = logging.getLogger(__name__)

_JOB_ID_CHARACTERS = 36
# AWS takes no request that was signed by a clock more than five minutes off, so no two differ by more.
_CLOCKS_SECONDS = 600.0


class ChainSubmitter:
    """Submits the jobs of one chain for one run.

    :param client: a boto3 Batch client
    :param chain: a job chain document, its ``${Substitution}`` places filled
    """

    def __init__(
        self, client: BatchClient, ledger: Ledger, chain: JobChain, request: RunRequest, pace: Pace | None = None
    ) -> None:
        self._client, self._ledger, self._chain, self._request = client, ledger, chain, request
        self._pace = pace or Pace()

    def submit(self) -> dict[str, str]:
        """Open the run in the ledger and submit every job that has not been submitted.

        :return: the id of each job by its name in the chain
        :raises SubmissionError: the run's id was used with other values, or Batch refuses, or would refuse, a job
        """
        manifest, request = self._chain["manifest"], self._request
        submitter = JobSubmitter(self._client, Claims(self._ledger, request.dag_id, request.run_id), self._pace)
        jobs = self.jobs()
        submitter.check(jobs)
        opened = self._ledger.start_run(
            request.dag_id,
            request.run_id,
            **request.run_item(),
            target="batch",
            dag_file=manifest["dag_file"],
            tasks=manifest["tasks"],
            assets=manifest.get("assets"),
            start_date=manifest.get("start_date"),
            end_date=manifest.get("end_date"),
            fail_fast=manifest.get("fail_fast"),
            expires_at=expiry(),
        )
        if not opened:
            _check_same(self._ledger.run(request.dag_id, request.run_id) or {}, request)
        _expand(self._ledger, request, self._facts())
        return submitter.submit(jobs)

    def jobs(self) -> list[Job]:
        """In topological order, with the values of the run."""
        placeholders = self._request.placeholders(self._client.meta.region_name)
        values = {f"run:{name}": value for name, value in placeholders.items()}
        jobs = [
            Job(job["name"], tuple(job["depends_on"]), fill(job["submit"], values), position, job.get("group", ""))
            for position, job in enumerate(self._chain["jobs"])
        ]
        facts = self._facts()
        carried, submitted = task_facts.jobs(facts), no_instance.task_by_job_name(facts)
        return jobs if submitted == carried else among_themselves(jobs, submitted.keys(), carried.keys())

    def _facts(self) -> Facts:
        """What the manifest says of tasks, for this run."""
        return absent_tasks.marked_tasks(self._chain["manifest"], self._request.run_item())


def _expand(ledger: Ledger, request: RunRequest, tasks: Facts) -> None:
    """Write how many instances mapped tasks have, as a state machine does when it expands them."""
    pk = schema.run_pk(request.dag_id, request.run_id)
    for task_id, facts in tasks.items():
        if facts.get("size") and not task_facts.is_absent(facts):
            ledger.update(pk, schema.map_sk(task_id), {"size": facts["size"], "expires_at": expiry()})


def _check_same(run: RunItem, request: RunRequest) -> None:
    wanted = {**request.run_item(), "target": "batch"}
    for name, value in wanted.items():
        if run.get(name) != value:
            raise SubmissionError(
                f"run {request.run_id!r} of DAG {request.dag_id!r} exists already with other values: "
                f"{name} is {run.get(name)!r}, not {value!r}. Choose another run id"
            )


class JobSubmitter:
    """Submits jobs in order, each exactly once per round of its claims."""

    def __init__(self, client: BatchClient, claims: Claims, pace: Pace | None = None) -> None:
        self._client, self._claims, self._pace = client, claims, pace or Pace()
        self._pacer = Pacer(self._pace.rate)
        self._going = Going(claims)
        # botocore sends a request again when the reply was lost, which for SubmitJob makes a second job.
        client.meta.events.register("request-created.batch.SubmitJob", _refuse_resending, unique_id="ductwork-once")

    def check(self, jobs: Iterable[Job]) -> None:
        """Check the jobs before the first is sent.

        :raises SubmissionError: AWS Batch would not take one of these jobs, or not start it
        """
        problems = [
            f"{job.name}: {problem.what} ({problem.field})"
            for job in jobs
            for problem in batch_limits.problems(
                self._request(job, [_dependency("-" * _JOB_ID_CHARACTERS, bool(job.group)) for _ in job.above])
            )
        ]
        if problems:
            raise SubmissionError(
                "nothing was submitted, because AWS Batch would not run it all; large values belong in S3: "
                + "; ".join(problems)
            )

    def submit(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Submit the jobs, several at a time.

        :param jobs: in topological order; what they depend on among themselves is kept, all else has ended well
        :return: the id of each job by its name
        :raises SubmissionError: Batch refuses a job; what was on its way is submitted, the rest is not
        :raises StoppedError: the run was stopped meanwhile; what this call has made since is ended, and of the rest the
            requests are kept for a restart
        """
        ids = {name: _done(job_id) for name, job_id in self._claims.resolved().items()}
        if all(job.name in ids for job in jobs):
            return {job.name: ids[job.name].result() for job in jobs}
        try:
            try:
                self._send_all(jobs, ids)
            finally:
                self._going.check(last=True)
        except StoppedError as error:
            for job_id in self._going.unseen:
                self._end(job_id, str(error))
            self._shelve(jobs)
            raise
        return {job.name: ids[job.name].result() for job in jobs}

    def _shelve(self, jobs: Iterable[Job]) -> None:
        if self._claims.round:
            return  # their claims are those of the round before
        with ThreadPoolExecutor(self._pace.at_once) as pool:
            list(pool.map(self._claims.shelve, jobs))

    def _send_all(self, jobs: Sequence[Job], ids: dict[str, Future[str]]) -> None:
        groups = {job.name: job.group for job in jobs}
        # Threads take jobs in their order, so whatever a job waits for is on its way, or has been.
        with ThreadPoolExecutor(self._pace.at_once, thread_name_prefix="ductwork-submit") as pool:
            try:
                for job in jobs:
                    if job.name not in ids:
                        ready = (up for up in job.above if up in ids)
                        above = [(ids[up], bool(job.group) and groups.get(up) == job.group) for up in ready]
                        ids[job.name] = pool.submit(self._after, above, job)
                for future in wait(ids.values(), return_when=FIRST_EXCEPTION).done:
                    future.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _after(self, above: Sequence[tuple[Future[str], bool]], job: Job) -> str:
        return self._once(job, [_dependency(future.result(), one_by_one) for future, one_by_one in above])

    def _once(self, job: Job, above: Sequence[Dependency]) -> str:
        self._going.check()
        if not self._claims.make(job):
            if (owners_id := self._await_owner(job)) is not None:
                return owners_id
            if (job_id := self._look_twice(job)) is not None:
                return self._resolved(job, job_id)
        return self._resolved(job, self._send(job, above))

    def _await_owner(self, job: Job) -> str | None:
        """The id that the claim's owner has written; None once the claim is ours."""
        lease: tuple[str, float] | None = None
        since = 0.0
        while True:
            seen = self._claims.get(job)
            if "job_id" in seen:
                return str(seen["job_id"])
            if seen.get("owner") == self._claims.owner:
                return None  # the reply to the claim was lost
            if lease != (seen["owner"], seen["claimed_at"]):
                lease, since = (seen["owner"], seen["claimed_at"]), time.monotonic()
            # Our own clock measures the lease, for the owner's may be another. An old one is over by any clock.
            is_old = time.time() - float(seen["claimed_at"]) > self._pace.lease + _CLOCKS_SECONDS
            left = 0.0 if is_old else since + self._pace.lease - time.monotonic()
            if left > 0:
                time.sleep(min(left, 1.0))
            elif self._claims.take_over(job, seen):
                return None

    def _resolved(self, job: Job, job_id: str) -> str:
        """Write the id into the claim; where another submitter has the claim, its job counts."""
        while not self._claims.resolve(job, job_id):
            # Who has taken the claim over may have found this very job by its name.
            kept = self._await_owner(job)
            if kept is not None:
                if kept != job_id:
                    self._end_twin(job, job_id)
                return kept
            for other in set(self._found_later(job)) - {job_id}:
                self._end_twin(job, other)
        self._going.made(job_id)
        return job_id

    def _end_twin(self, job: Job, job_id: str) -> None:
        log.warning("job %s is submitted by somebody else too; ending %s", job.name, job_id)
        self._end(job_id, "submitted twice; the other one is kept")

    def _end(self, job_id: str, reason: str) -> None:
        self._client.terminate_job(jobId=job_id, reason=reason)

    def _request(self, job: Job, above: Sequence[Dependency]) -> SubmitJobRequestTypeDef:
        request = {**job.submit, "jobName": self._claims.job_name(job), "dependsOn": list(above)}
        return cast("SubmitJobRequestTypeDef", request)

    def _send(self, job: Job, above: Sequence[Dependency]) -> str:
        request, pause = self._request(job, above), self._pace.backoff
        for attempt in range(self._pace.attempts):
            self._pacer.wait()
            self._going.check()
            try:
                job_id = str(self._client.submit_job(**request)["jobId"])
                self._pacer.went_well()
                return job_id
            except (ClientError, BotoCoreError, ResendError) as error:
                if is_throttled(error):
                    self._pacer.was_throttled()
                if attempt == self._pace.attempts - 1 or not (may_have_worked(error) or is_throttled(error)):
                    raise _explained(error, job) from error
                log.warning("SubmitJob of %s: %s; looking whether it worked", job.name, error)
            time.sleep(pause)
            pause *= 2
            if not self._claims.renew(job) and (owners_id := self._await_owner(job)) is not None:
                return owners_id
            if (found := self._look_twice(job)) is not None:
                return found
        raise AssertionError("the last attempt returns or raises")

    def _look_twice(self, job: Job) -> str | None:
        return next(iter(self._found(job) or self._found_later(job)), None)

    def _found_later(self, job: Job) -> list[str]:
        """What ListJobs knows of a job once it no longer lags."""
        time.sleep(self._pace.list_lag)
        return self._found(job)

    def _found(self, job: Job) -> list[str]:
        return ids_of(self._client, job.queue, self._claims.job_name(job))


def _dependency(job_id: str, one_by_one: bool) -> Dependency:
    return {"jobId": job_id, "type": "N_TO_N"} if one_by_one else {"jobId": job_id}


def _done(job_id: str) -> Future[str]:
    future: Future[str] = Future()
    future.set_result(job_id)
    return future


class ResendError(RuntimeError):
    """botocore was about to send the same SubmitJob again."""


def _refuse_resending(request: AWSRequest, **_: object) -> None:
    if request.context.get("retries", {}).get("attempt", 1) > 1:
        raise ResendError("the reply to SubmitJob was lost")


def _explained(error: Exception, job: Job) -> Exception:
    if isinstance(error, ClientError) and code(error) in {BATCH_REFUSED, ACCESS_DENIED}:
        queue, definition = job.queue, job.submit["jobDefinition"]
        return SubmissionError(
            f"Batch refuses the job {job.name} (queue {queue}, definition {definition}): {message(error)}; "
            "mend it and submit the run again: what has been submitted stays as it is"
        )
    return error
