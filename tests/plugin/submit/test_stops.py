"""A run that is stopped while it is submitted: what was sent is ended, and nothing more is sent."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit.claims import Claims
from remote_runs import DEFINITION, PACE, QUEUE, TABLE, Clients, Killed, Remote

ONE_AFTER_ANOTHER = replace(PACE, at_once=1)
SLEEPERS = "for n in range(40): job(f'sleeps_{n}', 'sleep 60')"


def submit(remote: Remote, artefact: Mapping[str, Any], dag_id: str, clients: Any) -> None:
    request = remote.request(dag_id)
    lifecycle.submit(clients, artefact, "batch", request, ledger_table=TABLE, pace=ONE_AFTER_ANOTHER)


def at_call(operation: str, number: int, act: Any) -> Any:
    """Calls ``act`` at one call of an operation."""
    count = itertools.count(1)

    def look(called: str) -> None:
        if called == operation and next(count) == number:
            act()

    return look


def dies_at(operation: str, number: int) -> Any:
    """A process that dies at one call of an operation; no other of its threads gets through then."""
    dead = []

    def look(called: str) -> None:
        at(called)
        if dead:
            raise Killed

    at = at_call(operation, number, lambda: dead.append(True))
    return look


def left(remote: Remote, dag_id: str) -> list[str]:
    """The names of the run's jobs that nobody has ended."""
    made = [job["jobId"] for job in remote.jobs(f"{dag_id}-")]
    return [job["jobName"] for job in remote.batch.describe_jobs(jobs=made)["jobs"] if not job["isTerminated"]]


def cancel(remote: Remote, dag_id: str) -> None:
    handle = lifecycle.RunHandle(dag_id, "r", "batch", TABLE)
    lifecycle.watcher(Clients(remote.aws), handle).stop("enough")
    assert remote.run_item(handle)["state"] == "failed"


def test_a_submitter_whose_run_is_cancelled_sends_nothing_more(remote: Remote) -> None:
    artefact = remote.compile("cancelled", SLEEPERS, "batch")
    third = Clients(remote.aws, after=at_call("submit_job", 3, lambda: cancel(remote, "cancelled")))
    for clients in (third, remote.clients):  # the submitter, and one that is started after the cancelling
        submit(remote, artefact, "cancelled", clients)
        assert (len(remote.jobs("cancelled-")), left(remote, "cancelled")) == (3, [])


def test_a_submitter_ends_what_it_sends_before_it_looks(remote: Remote) -> None:
    """Whoever stops the run ends what the claims know then, before this submitter sends some more."""
    known: list[str] = []

    def stop() -> None:
        remote.ledger.update("run#unseen#r", "run", {"stopping": "enough"})
        known.extend(Claims(remote.ledger, "unseen", "r").resolved().values())
        for job_id in known:
            remote.batch.terminate_job(jobId=job_id, reason="enough")

    artefact = remote.compile("unseen", SLEEPERS, "batch")
    submit(remote, artefact, "unseen", Clients(remote.aws, before=at_call("submit_job", 3, stop)))
    assert len(known) == 2
    assert len(remote.jobs("unseen-")) >= 3
    assert left(remote, "unseen") == []


def test_cancelling_ends_the_job_whose_submitter_died_before_it_wrote_its_id(remote: Remote) -> None:
    artefact = remote.compile("half", SLEEPERS, "batch")
    with pytest.raises(Killed):
        submit(remote, artefact, "half", Clients(remote.aws, after=dies_at("submit_job", 2)))
    assert len(left(remote, "half")) == 2
    cancel(remote, "half")
    assert left(remote, "half") == []


def test_a_run_that_was_cancelled_while_it_was_submitted_is_restarted(remote: Remote) -> None:
    """Nobody knows the requests of what was not submitted, until the run is submitted again."""
    artefact = remote.compile("goes_on", "job('a') >> job('b') >> job('c')", "batch")
    with pytest.raises(Killed):
        submit(remote, artefact, "goes_on", Clients(remote.aws, before=dies_at("submit_job", 2)))
    cancel(remote, "goes_on")
    handle = lifecycle.RunHandle("goes_on", "r", "batch", TABLE)
    ended = remote.run_item(handle)
    with pytest.raises(lifecycle.SubmissionError, match="1 are missing.: submit it again"):
        lifecycle.restart(remote.clients, handle)
    assert remote.run_item(handle) == ended
    submit(remote, artefact, "goes_on", remote.clients)
    assert (remote.run_item(handle), len(remote.jobs("goes_on-"))) == (ended, 1)
    restarted = lifecycle.restart(remote.clients, handle, pace=PACE)
    assert remote.watch(restarted).state == "success"
    assert len(remote.jobs("goes_on-")) in {3, 4}


def test_cancelling_ends_the_jobs_that_gather_others(remote: Remote) -> None:
    """They run no task of the DAG. What is below them then fails by itself."""
    body = "job('sleeps', 'sleep 60') >> [job(f'many_{n}') for n in range(25)] >> job('last')"
    artefact = remote.compile("gathers", body, "batch")
    request, places = remote.request("gathers"), {"JobQueue": QUEUE, "JobDefinition": DEFINITION}
    lifecycle.submit(remote.clients, artefact, "batch", request, ledger_table=TABLE, pace=PACE, places=places)
    cancel(remote, "gathers")
    made = remote.batch.describe_jobs(jobs=[job["jobId"] for job in remote.jobs("gathers-")])["jobs"]
    assert {job["status"] for job in made} == {"FAILED"}
    assert {job["isTerminated"] for job in made if "-join-" in job["jobName"]} == {True}


def test_cancelling_a_chain_of_which_batch_has_refused_a_job(remote: Remote) -> None:
    """Its claim names a queue that does not exist, and whoever submitted it may not look."""
    artefact = remote.compile("refused_half", "job('a', 'sleep 60') >> job('b')", "batch")
    second = {**artefact["jobs"][1], "submit": {**artefact["jobs"][1]["submit"], "jobQueue": "no-queue"}}
    for _ in range(2):
        with pytest.raises(lifecycle.SubmissionError, match="Batch refuses the job refused_half-b"):
            submit(remote, {**artefact, "jobs": [artefact["jobs"][0], second]}, "refused_half", remote.blind)
    cancel(remote, "refused_half")
    assert left(remote, "refused_half") == []


def test_a_restart_that_is_cancelled_before_it_has_begun_is_over(remote: Remote) -> None:
    handle = remote.run("stopped_restart", "job('bad', 'exit 1') >> job('below')", "batch")
    dying = Clients(remote.aws, before=dies_at("submit_job", 1))
    with pytest.raises(Killed):
        lifecycle.restart(dying, handle, pace=ONE_AFTER_ANOTHER)
    cancel(remote, "stopped_restart")
    # The same run submitted again completes a restart that has been decided, and no other.
    artefact = remote.compile("stopped_restart", "job('bad', 'exit 1') >> job('below')", "batch")
    submit(remote, artefact, "stopped_restart", remote.clients)
    assert len(remote.jobs("stopped_restart-")) == 2
    again = lifecycle.restart(remote.clients, handle, pace=ONE_AFTER_ANOTHER)
    assert (remote.watch(again).state, len(remote.jobs("stopped_restart-"))) == ("failed", 4)


def test_a_round_that_another_restart_has_overtaken_is_over(remote: Remote) -> None:
    remote.ledger.start_run("overtaken", "r", restarts=2)
    assert Claims(remote.ledger, "overtaken", "r", round=1).is_over() == "was restarted meanwhile"
    assert Claims(remote.ledger, "overtaken", "r", round=2).is_over() is None


def test_a_run_may_end_before_its_submitter_looks_the_last_time(remote: Remote) -> None:
    remote.ledger.start_run("quick", "r", ended_at="2026-01-01T00:00:00.000Z")
    claims = Claims(remote.ledger, "quick", "r")
    assert claims.is_over() == "has ended"
    assert claims.is_over(submitted=True) is None
