"""Status by events: the machine of the shared stack, given the events that AWS sends, writes what a mirror would."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from deployed_account import Account
from ductwork.cloudformation import status_machine
from ductwork.contracts import ledger as schema
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.mirror import batch_jobs

RUN = ("seen", "r")
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:ductwork-status"


@pytest.fixture(scope="module")
def shared(account: Account) -> Account:
    account.deploy([])
    return account


def job(job_id: str, status: str, task: str, **more: Any) -> dict[str, Any]:
    """A job as DescribeJobs and Batch's events have it."""
    environment = {
        "DUCTWORK_DAG_ID": RUN[0],
        "DUCTWORK_RUN_ID": RUN[1],
        "DUCTWORK_TASK_ID": task,
        "DUCTWORK_MAP_INDEX": "-1",
        "DUCTWORK_LEDGER_TABLE": "ductwork",
    }
    container = {"environment": [{"name": name, "value": value} for name, value in environment.items()]}
    return {
        "jobId": job_id,
        "status": status,
        "attempts": [],
        **more,
        "container": {**container, **more.get("container", {})},
    }


def tell(account: Account, given: dict[str, Any]) -> None:
    """Hand the machine what EventBridge would, and wait for its end."""
    client = account.plain_client("stepfunctions")
    execution = client.start_execution(stateMachineArn=MACHINE, input=json.dumps(given))["executionArn"]
    deadline = time.monotonic() + 60
    while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert found["status"] == "SUCCEEDED", found


def tell_job(account: Account, of: dict[str, Any]) -> None:
    tell(account, {"source": "aws.batch", "detail-type": "Batch Job State Change", "detail": of})


# What the ledger has of a task before its job waits for a place; None: nothing.
BEFORE: dict[str, dict[str, Any] | None] = {
    "nothing": None,
    "announced": {"state": "scheduled", "rank": 110, "try_number": 1},
    "told": {"state": "queued", "rank": 120, "try_number": 1, "job_id": "j"},
    "again": {"state": "up_for_retry", "rank": 160, "try_number": 1, "job_id": "i", "error": "x", "started_at": "s"},
    "resting": {"state": "up_for_reschedule", "rank": 130, "try_number": 1, "job_id": "i"},
    "begun": {"state": "running", "rank": 130, "try_number": 1, "job_id": "j", "job_attempt": 1},
    "dead_in_another": {"state": "running", "rank": 130, "try_number": 1, "job_id": "i", "job_attempt": 1},
    "dead_without_attempt": {"state": "running", "rank": 130, "try_number": 2, "job_id": "i"},
    "ended": {"state": "success", "outcome": "success", "rank": 190, "try_number": 1, "job_id": "i"},
    "to_be_called": {"state": "up_for_retry", "rank": 160, "try_number": 1, "job_id": "i", "callbacks_due": "retry"},
}


@pytest.mark.parametrize("before", BEFORE)
def test_a_job_that_waits_moves_its_task_as_a_mirror_does(shared, before):
    ledger = Ledger.connect("ductwork", shared.aws)
    by_mirror, by_event = f"{before}_m", f"{before}_e"
    for task in (by_mirror, by_event):
        if (item := BEFORE[before]) is not None:
            ledger.update(schema.run_pk(*RUN), schema.task_sk(task), item)
    seen = ledger.task(*RUN, by_mirror)
    waiting = job("j", "RUNNABLE", by_mirror)
    number = batch_jobs.coming_try(seen, waiting)
    if not (seen or {}).get("outcome") and number is not None and before != "told":
        state, number, found = batch_jobs.waiting(seen, waiting, number)
        batch_jobs.advance(ledger, RUN, by_mirror, seen, state, number, found)
    tell_job(shared, job("j", "RUNNABLE", by_event))
    assert plain(ledger.task(*RUN, by_event)) == plain(ledger.task(*RUN, by_mirror))


def plain(item: Any) -> dict[str, Any]:
    """Without what names the task, and when it was written."""
    changing = {"pk", "sk", "task_id", "updated_at", "expires_at", "map_index"}
    found = {name: value for name, value in (item or {}).items() if name not in changing}
    return found | ({"ended_at": "a time"} if "ended_at" in found else {})


def test_why_a_container_died_is_said_where_nobody_else_has(shared):
    ledger = Ledger.connect("ductwork", shared.aws)
    for task, error in (("silent", None), ("known", "said by its worker")):
        item = {"state": "failed", "outcome": "failed", "rank": 190, "try_number": 1, "job_id": "j", "error": error}
        ledger.update(schema.run_pk(*RUN), schema.task_sk(task), item)
    died = {"container": {"exitCode": 137, "reason": "OutOfMemoryError"}}
    for task in ("silent", "known"):
        tell_job(shared, job("j", "FAILED", task, **died))
    assert ledger.task(*RUN, "silent")["error"] == batch_jobs.exit_reason(job("j", "FAILED", "silent", **died))
    assert ledger.task(*RUN, "known")["error"] == "said by its worker"


def test_each_child_of_an_array_tells_of_its_instance_and_the_array_of_none(shared):
    ledger = Ledger.connect("ductwork", shared.aws)

    def child(status: str, index: int, **more: Any) -> dict[str, Any]:
        of = job(f"array:{index}", status, "mapped", arrayProperties={"index": index}, **more)
        return in_array(of)

    def in_array(of: dict[str, Any]) -> dict[str, Any]:
        environment = {pair["name"]: pair["value"] for pair in of["container"]["environment"]}
        environment |= {"DUCTWORK_MAP_INDEX": "array", "DUCTWORK_MAP_OFFSET": "10000"}
        of["container"]["environment"] = [{"name": name, "value": value} for name, value in environment.items()]
        return of

    tell_job(shared, in_array(job("array", "RUNNABLE", "mapped", arrayProperties={"size": 3})))
    tell_job(shared, child("RUNNABLE", 2))
    item = ledger.task(*RUN, "mapped", 10_002)
    assert (item["state"], item["try_number"], item["job_id"]) == ("queued", 1, "array:2")
    # Its container dies, Batch starts another, which waits again.
    run = {"state": "running", "rank": 130, "try_number": 1, "job_id": "array:2", "job_attempt": 1, "updated_at": "t"}
    ledger.update(schema.run_pk(*RUN), schema.task_sk("mapped", 10_002), run)
    tell_job(shared, child("RUNNABLE", 2, attempts=[{"stoppedAt": 1}]))
    assert ledger.task(*RUN, "mapped", 10_002)["state"] == "up_for_retry"
    assert [ledger.task(*RUN, "mapped", index) for index in (-1, 2, 10_000)] == [None, None, None]


def test_a_log_stream_is_kept_and_the_jobs_of_others_are_none_of_its_business(shared):
    ledger = Ledger.connect("ductwork", shared.aws)
    item = {"state": "running", "rank": 130, "try_number": 1, "job_id": "j"}
    ledger.update(schema.run_pk(*RUN), schema.task_sk("printing"), item)
    tell_job(shared, job("j", "RUNNING", "printing", container={"logStreamName": "worker/default/1"}))
    assert ledger.task(*RUN, "printing")["log_stream"] == "worker/default/1"
    other = job("j", "RUNNABLE", "elsewhere")
    other["container"]["environment"][-1]["value"] = "another-ledger"
    tell_job(shared, other)
    callback = job("j", "RUNNABLE", "elsewhere")
    callback["container"]["environment"].append({"name": "DUCTWORK_CALLBACK", "value": "task"})
    tell_job(shared, callback)
    assert ledger.task(*RUN, "elsewhere") is None


def test_an_execution_that_broke_fails_its_run_and_leaves_its_tasks_to_a_mirror(shared):
    ledger = Ledger.connect("ductwork", shared.aws)
    execution = "arn:aws:states:us-east-1:123456789012:execution:seen:e"
    for run, more in (("broken", {}), ("over", {"ended_at": "2026-01-01T00:00:00.000Z"})):
        arn = execution if run == "broken" else f"{execution}2"
        item = {"dag_id": "seen", "run_id": run, "started_at": run, "state": "running", "execution_arn": arn, **more}
        ledger.update(schema.run_pk("seen", run), schema.RUN_SK, item)
    for arn in (execution, f"{execution}2"):
        detail = {"executionArn": arn, "status": "FAILED", "error": "States.Runtime", "cause": "no such path"}
        template = status_machine.execution_input("seen")
        event = {"source": "aws.states", "detail": detail}
        tell(shared, json.loads(template.replace("<aws.events.event.json>", json.dumps(event))))
    run = ledger.run("seen", "broken")
    assert (run["state"], run["error"]) == ("failed", "FAILED: States.Runtime: no such path")
    assert "ended_at" not in run
    assert ledger.run("seen", "over")["state"] == "running"
