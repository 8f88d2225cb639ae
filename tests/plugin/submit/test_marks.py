"""A task of a run that goes on is marked: its container is stopped, and what is below goes on by the mark."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle, marks
from remote_runs import Remote

BODY = """
job("sleeps", "sleep 60") >> job("below") >> EmptyOperator(task_id="last")
job("early") >> EmptyOperator(task_id="done")
"""


def running(remote: Remote, handle: RunHandle, task_id: str) -> Any:
    watcher, deadline = lifecycle.watcher(remote.clients, handle), time.monotonic() + 40
    while remote.task(handle, task_id).get("state") != "running":
        assert time.monotonic() < deadline, remote.states(handle)
        watcher.poll()
        time.sleep(0.05)
    return remote.task(handle, task_id)


@pytest.mark.parametrize(
    ("state", "below"), [("success", ("success", 1)), ("failed", ("upstream_failed", 0)), ("skipped", ("skipped", 0))]
)
def test_a_container_that_is_marked(remote: Remote, state: str, below: tuple[str, int]) -> None:
    dag_id = f"marked_{state}"
    artefact = remote.compile(dag_id, BODY, "stepfunctions")
    handle = remote.submit(artefact, "stepfunctions", remote.request(dag_id))
    job_id = running(remote, handle, "sleeps")["job_id"]
    assert marks.mark(remote.clients, remote.ledger, remote.run_item(handle), "sleeps", state)
    remote.watch(handle)
    assert remote.states(handle)["sleeps"][0] == state
    assert remote.states(handle)["below"] == below
    reason = remote.batch.describe_jobs(jobs=[job_id])["jobs"][0]["statusReason"]
    assert reason == marks.reason(state)
    assert remote.task(handle, "sleeps").get("error") == (marks.reason(state) if state == "failed" else None)
    # What has ended stays as it is, and so does a run that has ended.
    assert not marks.mark(remote.clients, remote.ledger, remote.run_item(handle), "early", "failed")
    assert remote.states(handle)["early"] == ("success", 1)
