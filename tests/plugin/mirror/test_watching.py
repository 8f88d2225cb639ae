"""Watching runs: queue states, dead containers, broken executions, stops, and an AWS that misbehaves."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from ductwork_airflow.mirror import batch_jobs
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.runs.watcher import RunWatcher
from remote_runs import MACHINE_CHAIN, TABLE, Clients, Remote
from waiting import until

TARGETS = pytest.mark.parametrize("target", ["stepfunctions", "batch", MACHINE_CHAIN])
SLOW = "job('a', 'sleep 60') >> job('b') >> EmptyOperator(task_id='e')\njob('quick') >> job('other', 'sleep 60')"


def start(remote: Remote, dag_id: str, body: str, target: str, clients: Any = None) -> RunHandle:
    return remote.submit(remote.compile(dag_id, body, target), target, remote.request(dag_id), clients)


def running(remote: Remote, handle: RunHandle, *tasks: str) -> None:
    watcher = lifecycle.watcher(remote.clients, handle)

    def look() -> bool:
        watcher.poll()
        return all(remote.task(handle, task).get("state") == "running" for task in tasks)

    until(look)


@TARGETS
def test_jobs_that_wait_in_the_queue_are_queued(remote: Remote, target: str) -> None:
    busy = [remote.batch.submit_job(**job) for job in itertools.repeat(sleeping(), 4)]
    handle = start(remote, f"queued_{target}", "job('a')", target)
    watcher = lifecycle.watcher(remote.clients, handle)
    until(lambda: watcher.poll().counts.get("queued") == 1)
    assert remote.task(handle, "a")["try_number"] == 1
    for job in busy:
        remote.batch.terminate_job(jobId=job["jobId"], reason="enough")
    assert remote.watch(handle).counts == {"success": 1}
    assert remote.states(handle) == {"a": ("success", 1)}


def sleeping() -> dict[str, Any]:
    overrides = {"command": ["sleep", "60"]}
    names = {"jobName": "busy", "jobQueue": "remote-queue", "jobDefinition": "remote-definition"}
    return {**names, "containerOverrides": overrides}


@TARGETS
def test_a_dead_container_is_explained(remote: Remote, target: str) -> None:
    handle = remote.run(f"dies_{target}", "job('a', 'kill -9 $$') >> job('b')", target)
    assert remote.states(handle) == {"a": ("failed", 1), "b": ("upstream_failed", 0)}
    item = remote.task(handle, "a")
    assert "exit code 137" in item["error"]
    assert item["log_stream"]
    assert "a: " in lifecycle.outcome_error(remote.clients, handle)


@TARGETS
def test_a_job_is_tried_again(remote: Remote, target: str, tmp_path: Any) -> None:
    body = f"job('a', 'test -e {tmp_path}/f || (touch {tmp_path}/f; false)', retries=2, retry_delay=0)"
    handle = remote.run(f"retries_{target}", body, target)
    assert remote.states(handle) == {"a": ("success", 2)}


def test_an_execution_stopped_from_outside(remote: Remote) -> None:
    handle = start(remote, "stopped_outside", SLOW, "stepfunctions")
    running(remote, handle, "a", "other")
    remote.sfn.stop_execution(executionArn=handle.execution_arn, error="Someone", cause="had enough")
    progress = remote.watch(handle)
    assert (progress.state, progress.error) == ("failed", "ABORTED: Someone: had enough")
    assert remote.states(handle) == {
        "quick": ("success", 1),
        "a": ("failed", 1),
        "other": ("failed", 1),
        "b": ("upstream_failed", 0),
        "e": ("upstream_failed", 0),
    }
    assert not [job for job in remote.jobs("stopped_outside-") if job["status"] not in {"SUCCEEDED", "FAILED"}]
    # It can be restarted, like any failed run.
    again = lifecycle.restart(remote.clients, handle)
    running(remote, again, "a", "other")
    assert remote.states(handle)["a"] == ("running", 2)
    lifecycle.watcher(remote.clients, again).stop("the test is over")


def test_an_execution_that_breaks_before_it_can_say_so(remote: Remote) -> None:
    machine = {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Broken", "Cause": "at once"}}}
    handle = remote.submit(machine, "stepfunctions", remote.request("stillborn", conf={"n": 1}))
    assert remote.watch(handle).error == "FAILED: Broken: at once"
    run = remote.run_item(handle)
    assert (run["state"], run["conf"], run["execution_arn"]) == ("failed", '{"n": 1}', handle.execution_arn)


@TARGETS
def test_stopping_a_run(remote: Remote, target: str) -> None:
    handle = start(remote, f"stop_{target}", SLOW, target)
    running(remote, handle, "a", "other")
    lifecycle.watcher(remote.clients, handle).stop("the user says so")
    run = remote.run_item(handle)
    assert run["state"] == "failed"
    assert "the user says so" in run["error"]
    states = remote.states(handle)
    assert (states["quick"], states["a"], states["b"]) == (("success", 1), ("failed", 1), ("upstream_failed", 0))
    prefix = f"stop_{target}-"
    assert not [job for job in remote.jobs(prefix) if job["status"] not in {"SUCCEEDED", "FAILED"}]
    lifecycle.watcher(remote.clients, handle).stop("again")
    assert remote.run_item(handle)["ended_at"] == run["ended_at"]


# ---- faults ----


def client_error(name: str, status: int = 400) -> ClientError:
    reply = {"Error": {"Code": name, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(reply, "Any")


FAULTS = [
    client_error("ThrottlingException"),
    client_error("TooManyRequestsException", 429),
    client_error("InternalServerError", 500),
    client_error("ExpiredTokenException"),
    client_error("UnrecognizedClientException"),
    EndpointConnectionError(endpoint_url="https://any"),
    NoCredentialsError(),
]


@TARGETS
def test_a_run_is_watched_through_faults(remote: Remote, target: str) -> None:
    """Every fifth call fails, each time in another way, and most looks with it."""
    chance = random.Random(5)

    def fault(operation: str) -> None:
        if chance.random() < 0.2:
            raise chance.choice(FAULTS)

    handle = start(remote, f"faults_{target}", "job('a') >> job('b', 'false') >> job('c')", target)
    remote.watch(handle, Clients(remote.aws, after=fault))
    assert remote.states(handle) == {"a": ("success", 1), "b": ("failed", 1), "c": ("upstream_failed", 0)}


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: str(error)[-60:])
def test_a_passing_fault_gives_the_last_progress_and_a_longer_wait(remote: Remote, error: Exception) -> None:
    handle = start(remote, f"fault_{FAULTS.index(error)}", "job('a', 'sleep 60')", "batch")
    faulty = False

    def fault(operation: str) -> None:
        if faulty:
            raise error

    clients = Clients(remote.aws, before=fault)
    watcher = lifecycle.watcher(clients, handle)
    until(lambda: watcher.poll().counts == {"running": 1})
    good, made = watcher.poll(), clients.made.copy()
    faulty = True
    waits = []
    for _ in range(4):
        progress = watcher.poll()
        assert (progress.state, progress.counts, progress.changed) == ("running", good.counts, 0)
        waits.append(progress.wait)
    assert waits == sorted(waits) and waits[0] >= 5 and waits[-1] >= 40
    # Expired credentials are read anew, others are not.
    assert (clients.made != made) == ("Token" in str(error) or "Client" in str(error) or "redentials" in str(error))
    faulty = False
    assert watcher.poll().counts == {"running": 1}
    watcher.stop("the test is over")


def test_faults_that_stay_are_raised(remote: Remote) -> None:
    def fault(operation: str) -> None:
        raise client_error("ThrottlingException")

    handle = RunHandle("any", "r", "batch", TABLE)
    watcher = RunWatcher(Clients(remote.aws, before=fault), handle, patience=0.0)
    watcher.poll()
    with pytest.raises(ClientError, match="ThrottlingException"):
        watcher.poll()


def test_faults_that_do_not_pass_are_raised_at_once(remote: Remote) -> None:
    def fault(operation: str) -> None:
        raise client_error("AccessDeniedException")

    with pytest.raises(ClientError, match="AccessDenied"):
        lifecycle.watcher(Clients(remote.aws, before=fault), RunHandle("any", "r", "batch", TABLE)).poll()


def test_the_wait_grows_while_nothing_happens(remote: Remote) -> None:
    handle = start(remote, "waits", "job('a', 'sleep 60')", "batch")
    watcher = lifecycle.watcher(remote.clients, handle)
    until(lambda: watcher.poll().counts == {"running": 1})
    waits = [watcher.poll().wait for _ in range(12)]
    assert waits == sorted(waits)
    assert waits[-1] == 30.0
    watcher.stop("the test is over")


def test_a_reason_that_a_worker_gives_since_its_item_was_read_stands(remote: Remote) -> None:
    """A worker writes why its task failed after it writes that it failed; its job may have ended by the next look."""
    handle = start(remote, "told_late", "job('a', 'exit 3')", "batch")
    remote.watch(handle)
    item = remote.task(handle, "a")
    seen = {name: value for name, value in item.items() if name != "error"}
    remote.ledger.update(item["pk"], item["sk"], {"error": "the worker's own words"})
    assert batch_jobs.add_exit_reasons(remote.batch, remote.ledger, {item["job_id"]: seen}) == set()
    assert remote.task(handle, "a")["error"] == "the worker's own words"
