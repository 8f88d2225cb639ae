"""Batch semantics with real processes. Source: AWS Batch user guide."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ductwork_airflow.embedded_aws.batch import api
from ductwork_airflow.embedded_aws.batch import jobs as model

from .conftest import DEFINITION, QUEUE, Embedded

EXITED = "Essential container in task exited"


def lines(embedded: Embedded, job: dict[str, Any], attempt: int = -1) -> list[str]:
    stream = job["attempts"][attempt]["container"]["logStreamName"]
    events = embedded.logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=stream)["events"]
    return [event["message"] for event in events]


@pytest.mark.parametrize(
    ("script", "status", "exit_code"),
    [
        ("exit 0", "SUCCEEDED", 0),
        ("exit 3", "FAILED", 3),
        ("kill -9 $$", "FAILED", 137),
        ("kill -TERM $$", "FAILED", 143),
    ],
)
def test_exit_codes(embedded: Embedded, script: str, status: str, exit_code: int) -> None:
    job = embedded.ended(embedded.submit("sh", "-c", script))
    assert (job["status"], job["container"]["exitCode"], job["statusReason"]) == (status, exit_code, EXITED)
    [attempt] = job["attempts"]
    assert attempt["container"]["exitCode"] == exit_code
    assert job["createdAt"] <= attempt["startedAt"] <= attempt["stoppedAt"] <= job["stoppedAt"]


def test_a_missing_command_says_so(embedded: Embedded) -> None:
    job = embedded.ended(embedded.submit("no-such-command"))
    assert job["container"]["exitCode"] == 127
    assert "command not found: 'no-such-command'" in lines(embedded, job)[0]


def test_environment_and_parameters(embedded: Embedded) -> None:
    script = (
        'echo "$FROM $BOTH $NEW $AWS_BATCH_JOB_ATTEMPT $AWS_BATCH_JQ_NAME $AWS_BATCH_JOB_ID Ref::known Ref::unknown"'
    )
    environment = [{"name": "BOTH", "value": "override"}, {"name": "NEW", "value": "new"}]
    id = embedded.submit(
        "sh", "-c", script, "Ref::known", overrides={"environment": environment}, parameters={"known": "value"}
    )
    job = embedded.ended(id)
    assert lines(embedded, job) == [f"definition override new 1 {QUEUE} {id} value Ref::unknown"]
    assert job["container"]["command"][-1] == "value"
    assert job["container"]["logStreamName"].startswith(f"{DEFINITION}/default/")


def test_output_can_be_followed(embedded: Embedded) -> None:
    id = embedded.submit("sh", "-c", "echo one; echo two >&2; exec sleep 30")
    embedded.until(id, {"RUNNING"})
    deadline = time.monotonic() + 30
    while (seen := lines(embedded, embedded.job(id))) != ["one", "two"]:
        assert time.monotonic() < deadline, seen
        time.sleep(0.02)
    embedded.batch.terminate_job(jobId=id, reason="seen")
    assert embedded.ended(id)["statusReason"] == "seen"


@pytest.mark.parametrize(
    ("rules", "script", "attempts"),
    [
        ([], "exit 1", 3),
        ([], "[ $AWS_BATCH_JOB_ATTEMPT = 2 ]", 2),
        ([{"onExitCode": "1*", "action": "EXIT"}], "exit 12", 1),
        ([{"onExitCode": "1", "action": "exit"}], "exit 12", 3),
        ([{"onExitCode": "7", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}], "exit 7", 3),
        ([{"onExitCode": "7", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}], "exit 8", 1),
        ([{"onStatusReason": "Essential container*", "onExitCode": "8", "action": "EXIT"}], "exit 8", 1),
        ([{"onStatusReason": "Host EC2*", "action": "EXIT"}], "exit 8", 3),
    ],
)
def test_attempts(embedded: Embedded, rules: list[dict[str, str]], script: str, attempts: int) -> None:
    strategy = {"attempts": 3} | ({"evaluateOnExit": rules} if rules else {})
    job = embedded.ended(embedded.submit("sh", "-c", script, retryStrategy=strategy))
    assert len(job["attempts"]) == attempts
    assert len({attempt["container"]["logStreamName"] for attempt in job["attempts"]}) == attempts


def test_dependents_wait_and_fail_in_cascade(embedded: Embedded) -> None:
    first = embedded.submit("sh", "-c", "sleep 0.5; exit 1")
    second = embedded.submit("true", dependsOn=[{"jobId": first}])
    third = embedded.submit("true", dependsOn=[{"jobId": second}])
    assert embedded.until(second, {"PENDING"})["attempts"] == []
    assert embedded.ended(third)["statusReason"] == model.DEPENDENCY_FAILED
    assert embedded.job(second)["statusReason"] == model.DEPENDENCY_FAILED


def test_dependents_of_ended_jobs(embedded: Embedded) -> None:
    good, bad = embedded.submit("true"), embedded.submit("false")
    embedded.ended(good), embedded.ended(bad)
    assert embedded.ended(embedded.submit("true", dependsOn=[{"jobId": good}]))["status"] == "SUCCEEDED"
    late = embedded.ended(embedded.submit("true", dependsOn=[{"jobId": good}, {"jobId": bad}]))
    assert (late["status"], late["statusReason"]) == ("FAILED", model.DEPENDENCY_FAILED)


def test_a_chain_longer_than_the_stack(embedded: Embedded) -> None:
    first = embedded.submit("sleep", "30")
    engine = api.engine()
    spec, last = engine.get(first).spec, first
    for _ in range(12_000):
        last = engine.submit(replace(spec, depends_on=({"jobId": last},))).id
    embedded.until(last, {"PENDING"})
    embedded.batch.terminate_job(jobId=first, reason="over")
    assert embedded.ended(last)["statusReason"] == model.DEPENDENCY_FAILED


def test_an_array(embedded: Embedded) -> None:
    script = "[ $AWS_BATCH_JOB_ARRAY_INDEX != 1 ] && [ $AWS_BATCH_JOB_ARRAY_SIZE = 3 ]"
    id = embedded.submit("sh", "-c", script, arrayProperties={"size": 3})
    parent = embedded.ended(id)
    assert (parent["status"], parent["statusReason"]) == ("FAILED", model.CHILD_FAILED)
    summary = parent["arrayProperties"]["statusSummary"]
    assert (summary["SUCCEEDED"], summary["FAILED"], sum(summary.values())) == (2, 1, 3)
    child = embedded.job(f"{id}:1")
    assert (child["status"], child["arrayProperties"]["index"]) == ("FAILED", 1)
    listed = embedded.batch.list_jobs(arrayJobId=id, jobStatus="SUCCEEDED")["jobSummaryList"]
    assert [job["jobId"] for job in listed] == [f"{id}:0", f"{id}:2"]


def test_the_children_of_an_array_are_tried_again_each_for_itself(embedded: Embedded) -> None:
    script = "[ $AWS_BATCH_JOB_ARRAY_INDEX = 0 ] && exit 79; [ $AWS_BATCH_JOB_ATTEMPT -gt $AWS_BATCH_JOB_ARRAY_INDEX ]"
    strategy = {"attempts": 3, "evaluateOnExit": [{"onExitCode": "79", "action": "EXIT"}]}
    id = embedded.submit("sh", "-c", script, arrayProperties={"size": 4}, retryStrategy=strategy)
    assert embedded.ended(id)["status"] == "FAILED"
    children = [embedded.job(f"{id}:{index}") for index in range(4)]
    assert [(child["status"], len(child["attempts"])) for child in children] == [
        ("FAILED", 1),
        ("SUCCEEDED", 2),
        ("SUCCEEDED", 3),
        ("FAILED", 3),
    ]


def test_n_to_n_and_sequential(embedded: Embedded) -> None:
    script = "sleep 0.$AWS_BATCH_JOB_ARRAY_INDEX; [ $AWS_BATCH_JOB_ARRAY_INDEX = 0 ]"
    first = embedded.submit("sh", "-c", script, arrayProperties={"size": 2})
    second = embedded.submit("true", arrayProperties={"size": 2}, dependsOn=[{"jobId": first, "type": "N_TO_N"}])
    embedded.ended(second)
    assert [embedded.job(f"{second}:{i}")["status"] for i in range(2)] == ["SUCCEEDED", "FAILED"]
    sequential = embedded.submit("true", arrayProperties={"size": 3}, dependsOn=[{"type": "SEQUENTIAL"}])
    embedded.ended(sequential)
    children = [embedded.job(f"{sequential}:{i}") for i in range(3)]
    assert all(a["stoppedAt"] <= b["startedAt"] for a, b in zip(children, children[1:], strict=False))


def test_five_thousand_children(embedded: Embedded) -> None:
    started = time.process_time()  # the server's is this process, and what else the machine does is no matter
    id = embedded.submit("true", arrayProperties={"size": 5000})
    spent = time.process_time() - started
    embedded.until(id, {"PENDING"})
    embedded.batch.terminate_job(jobId=id, reason="enough")
    parent = embedded.ended(id)
    assert sum(parent["arrayProperties"]["statusSummary"].values()) == 5000
    assert embedded.job(f"{id}:4999")["statusReason"] == "enough"
    assert spent < 2


def test_no_more_processes_than_jobs(embedded: Embedded, tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    ids = [embedded.submit("sh", "-c", f"until test -e {enough}; do sleep 0.05; done") for _ in range(6)]
    for id in ids[:4]:
        embedded.until(id, {"RUNNING"})
    assert [embedded.job(id)["status"] for id in ids[4:]] == ["RUNNABLE", "RUNNABLE"]
    enough.touch()
    assert {embedded.ended(id)["status"] for id in ids} == {"SUCCEEDED"}


def test_cancel_and_terminate(embedded: Embedded) -> None:
    running = embedded.submit("sleep", "30")
    waiting = embedded.submit("true", dependsOn=[{"jobId": running}])
    embedded.until(running, {"RUNNING"})
    embedded.until(waiting, {"PENDING"})
    embedded.batch.cancel_job(jobId=running, reason="no effect on a running job")
    embedded.batch.cancel_job(jobId=waiting, reason="not wanted")
    cancelled = embedded.ended(waiting)
    assert (cancelled["statusReason"], cancelled["isCancelled"], cancelled["attempts"]) == ("not wanted", True, [])
    assert embedded.job(running)["status"] == "RUNNING"
    embedded.batch.terminate_job(jobId=running, reason="over")
    terminated = embedded.ended(running)
    assert (terminated["statusReason"], terminated["isTerminated"], terminated["container"]["exitCode"]) == (
        "over",
        True,
        143,
    )


def test_too_long_overrides_fail_the_job(embedded: Embedded) -> None:
    environment = [{"name": "BIG", "value": "x" * 8192}]
    job = embedded.ended(embedded.submit("true", overrides={"environment": environment}))
    assert (job["status"], job["statusReason"]) == ("FAILED", "Container Overrides length must be at most 8192")


def test_list_jobs(embedded: Embedded) -> None:
    ids = [embedded.submit("true", jobName=f"listed-{i}") for i in range(3)]
    for id in ids:
        embedded.ended(id)
    by_name = {"name": "JOB_NAME", "values": ["LISTED-*"]}
    found = embedded.batch.list_jobs(jobQueue=QUEUE, filters=[by_name], maxResults=2)
    rest = embedded.batch.list_jobs(jobQueue=QUEUE, filters=[by_name], nextToken=found["nextToken"])
    listed = found["jobSummaryList"] + rest["jobSummaryList"]
    assert [job["jobId"] for job in listed] == ids[::-1]
    assert embedded.batch.list_jobs(jobQueue=QUEUE)["jobSummaryList"] == []  # the default is RUNNING


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"jobName": "a b"}, "valid pattern"),
    "dependencies": ({"dependsOn": [{"jobId": "x"}] * 21}, "more than 20"),
    "unknown dependency": ({"dependsOn": [{"jobId": "x"}]}, "does not exist"),
    "array of one": ({"arrayProperties": {"size": 1}}, "between 2 and 10000"),
    "array too large": ({"arrayProperties": {"size": 10_001}}, "between 2 and 10000"),
    "N_TO_N without array": ({"dependsOn": [{"jobId": "x", "type": "N_TO_N"}]}, "needs an array"),
    "attempts": ({"retryStrategy": {"attempts": 11}}, "between 1 and 10"),
    "rules": ({"retryStrategy": {"evaluateOnExit": [{"action": "EXIT"}]}}, "needs attempts"),
    "timeout": ({"timeout": {"attemptDurationSeconds": 59}}, "at least 60"),
    "reserved name": ({"overrides": {"environment": [{"name": "AWS_BATCH_X", "value": ""}]}}, "AWS_BATCH"),
    "queue": ({"jobQueue": "nope"}, "JobQueue nope not found"),
    "definition": ({"jobDefinition": "nope"}, "JobDefinition nope not found"),
    "size": ({"parameters": {"x": "y" * 31_000}}, "30 KiB"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_requests_that_batch_refuses(embedded: Embedded, name: str) -> None:
    request, message = REFUSED[name]
    with pytest.raises(ClientError, match=message) as caught:
        embedded.submit("true", **request)
    assert caught.value.response["Error"]["Code"] == "ClientException"
