"""Two submitters and one job: whoever is slow, lost or wrong about the time, one job is kept, and it is recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.submit.claims import Claims, Job
from ductwork_airflow.submit.job_chain import JobSubmitter
from remote_runs import DEFINITION, PACE, QUEUE, TABLE, Clients, Remote

PATIENT = replace(PACE, lease=4.0)


def prepared(remote: Remote, dag_id: str) -> tuple[Job, Callable[[], Claims]]:
    """A run with one job, and what makes a submitter's claims."""
    remote.ledger.start_run(dag_id, "r", tasks={})
    submit = {
        "jobName": f"{dag_id}-a",
        "jobQueue": QUEUE,
        "jobDefinition": DEFINITION,
        "containerOverrides": {"command": ["sleep", "60"]},
    }
    return Job("a", (), submit, 0), lambda: Claims(remote.ledger, dag_id, "r")


def kept(remote: Remote, dag_id: str) -> list[str]:
    """The ids of the jobs that nobody has ended. They are ended here."""
    made = [job["jobId"] for job in remote.jobs(f"{dag_id}-")]
    found = [job["jobId"] for job in remote.batch.describe_jobs(jobs=made)["jobs"] if not job["isTerminated"]]
    for job_id in found:
        remote.batch.terminate_job(jobId=job_id, reason="the test is over")
    return found


def test_a_job_that_another_submitter_finds_by_its_name_is_not_ended(remote: Remote) -> None:
    """The claim is taken over while SubmitJob is on its way, and resolved with the very job that this has made."""
    job, claims = prepared(remote, "found")
    other, looks = claims(), 0

    def take_over(called: str) -> None:
        if called == "submit_job":
            assert other.take_over(job, other.get(job))

    def resolve(called: str) -> None:
        nonlocal looks
        if called in {"get_item", "terminate_job"} and other.get(job).get("owner") == other.owner:
            looks += 1
            if looks == 2:
                assert other.resolve(job, remote.jobs("found-")[0]["jobId"])

    clients = Clients(remote.aws, before=resolve, after=take_over)
    mine = Claims(Ledger(TABLE, clients.client("dynamodb")), "found", "r")
    ids = JobSubmitter(clients.client("batch"), mine, PATIENT).submit([job])
    assert kept(remote, "found") == [ids["a"]] == [other.get(job)["job_id"]]


def test_a_job_whose_claim_was_taken_by_somebody_who_died_is_kept(remote: Remote) -> None:
    job, claims = prepared(remote, "died")
    other = claims()

    def take_over(called: str) -> None:
        if called == "submit_job":
            assert other.take_over(job, other.get(job))
            twin = {**job.submit, "jobName": other.job_name(job)}
            remote.batch.submit_job(**twin)  # and dies before it writes the id

    ids = JobSubmitter(Clients(remote.aws, after=take_over).client("batch"), claims(), PACE).submit([job])
    assert len(remote.jobs("died-")) == 2
    assert kept(remote, "died") == [ids["a"]] == [other.get(job)["job_id"]]


@pytest.mark.parametrize("seconds", [-60, 60])
def test_a_lease_is_measured_by_the_clock_of_who_waits(remote: Remote, seconds: int) -> None:
    """The owner is at work, but by its clock it claimed the job a minute ago, or will do so in a minute."""
    dag_id = f"skewed_{seconds + 60}"
    job, claims = prepared(remote, dag_id)
    owner, found = claims(), dict[str, str]()
    owner.make(job)
    changed = {"claimed_at": time.time() + seconds}
    remote.ledger.update(f"run#{dag_id}#r", "job#a", changed)
    begun, looks = time.monotonic(), threading.Semaphore(0)
    looking = Clients(remote.aws, after=lambda called: looks.release() if called == "get_item" else None)
    others = Claims(Ledger(TABLE, looking.client("dynamodb")), dag_id, "r")
    second = threading.Thread(target=lambda: found.update(JobSubmitter(remote.batch, others, PATIENT).submit([job])))
    second.start()
    if seconds < 0:
        # It has seen the claim, has waited for its owner, and has seen it again.
        assert looks.acquire(timeout=20) and looks.acquire(timeout=20)
        made = remote.batch.submit_job(**{**job.submit, "jobName": owner.job_name(job)})["jobId"]
        assert owner.resolve(job, made)
    second.join()
    assert kept(remote, dag_id) == [found["a"]]
    assert len(remote.jobs(f"{dag_id}-")) == 1
    assert time.monotonic() - begun < PATIENT.lease + 3


def test_a_claim_that_was_lost_is_seen_before_a_job_is_sent_again(remote: Remote) -> None:
    """SubmitJob is throttled, another submitter comes in between, and ListJobs does not know of it yet."""
    job, claims = prepared(remote, "throttled")
    reply = {"Error": {"Code": "TooManyRequestsException"}, "ResponseMetadata": {"HTTPStatusCode": 429}}
    taken = dict[str, str]()

    def overtake(called: str) -> None:
        if called == "submit_job" and not taken:
            taken.update(JobSubmitter(remote.batch, claims(), PACE).submit([job]))
            raise ClientError(reply, "SubmitJob")

    class Lagging:
        def paginate(self, **_: Any) -> Any:
            return [{"jobSummaryList": []}]

    client = Clients(remote.aws, before=overtake).client("batch")
    client.get_paginator = lambda operation: Lagging()
    assert JobSubmitter(client, claims(), PACE).submit([job]) == taken
    assert (len(remote.jobs("throttled-")), kept(remote, "throttled")) == (1, list(taken.values()))
