"""Jobs of the user's own in a chain: what Batch does with them by itself is one try of their task."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ductwork_airflow.runs import lifecycle
from remote_runs import MACHINE_CHAIN, Remote

TARGETS = ["batch", MACHINE_CHAIN]
ARRAYS = """
size = {'size': 3}
job('good', array_properties=size) >> job('below')
job('bad', 'test "$AWS_BATCH_JOB_ARRAY_INDEX" != 1', array_properties=size) >> job('never', array_properties=size)
"""


@pytest.mark.parametrize("target", TARGETS)
def test_an_array_of_the_users_own_is_one_task(remote: Remote, target: str) -> None:
    handle = remote.run(f"own_array_{target}", ARRAYS, target)
    assert remote.states(handle) == {
        "good": ("success", 1),
        "below": ("success", 1),
        "bad": ("failed", 1),
        "never": ("upstream_failed", 0),
    }
    assert remote.task(handle, "bad")["error"] == "Array Child Job failed"


@pytest.mark.parametrize("target", TARGETS)
def test_attempts_of_retry_strategy_are_no_tries(remote: Remote, target: str, tmp_path: Path) -> None:
    """Airflow sees one job, whose attempts its author has ordered."""
    gate = tmp_path / "gate"
    second = f'test "$AWS_BATCH_JOB_ATTEMPT" = 2 && until test -e {gate}; do sleep 0.1; done'
    body = f"job('own', '{second}', retry_strategy={{'attempts': 2}})\n"
    body += "job('worse', 'exit 1', retry_strategy={'attempts': 2})\njob('tried', 'exit 1', retries=1)"
    dag_id = f"own_attempts_{target}"
    handle = remote.submit(remote.compile(dag_id, body, target), target, remote.request(dag_id))
    watcher, deadline = lifecycle.watcher(remote.clients, handle), time.monotonic() + 40
    while remote.states(handle).get("worse") != ("failed", 1) or remote.states(handle).get("own") is None:
        assert time.monotonic() < deadline
        watcher.poll()
    assert remote.states(handle)["own"][1] == 1
    gate.touch()
    remote.watch(handle)
    assert remote.states(handle) == {"own": ("success", 1), "worse": ("failed", 1), "tried": ("failed", 2)}


@pytest.mark.parametrize("target", [*TARGETS, "stepfunctions"])
def test_looks_at_a_further_attempt_count_no_further_tries(remote: Remote, target: str, tmp_path: Path) -> None:
    """Of Airflow's tries in a chain, and of attempts that the author has ordered, which are one try."""
    gate = tmp_path / "gate"
    second = f'test "$AWS_BATCH_JOB_ATTEMPT" = 2 && until test -e {gate}; do sleep 0.1; done; exit 1'
    retries = "retry_strategy={'attempts': 2}" if target == "stepfunctions" else "retries=1"
    dag_id = f"looked_at_{target}"
    task_id = f"again_{target}"
    body = f"job('{task_id}', '{second}', {retries})"
    handle = remote.submit(remote.compile(dag_id, body, target), target, remote.request(dag_id))
    wanted = 1 if target == "stepfunctions" else 2
    watcher, deadline = lifecycle.watcher(remote.clients, handle), time.monotonic() + 40
    while not is_in_second_attempt(remote, task_id):
        assert time.monotonic() < deadline
        watcher.poll()
        time.sleep(0.05)
    for _ in range(4):
        watcher.poll()
    item = remote.task(handle, task_id)
    assert (item["state"], item["try_number"]) == ("running", wanted)
    assert item["started_at"]
    gate.touch()
    remote.watch(handle)
    assert remote.states(handle) == {task_id: ("failed", wanted)}


def is_in_second_attempt(remote: Remote, task_id: str) -> bool:
    jobs = [job["jobId"] for job in remote.jobs("") if task_id in job["jobName"]]
    details = remote.batch.describe_jobs(jobs=jobs)["jobs"] if jobs else []
    return any(job["status"] == "RUNNING" and len(job["attempts"]) == 2 for job in details)
