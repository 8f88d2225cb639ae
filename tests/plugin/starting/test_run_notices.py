"""The message at the end of a run, as a queue gets it that listens to the topic."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ductwork.cloudformation.starting import run_notices
from ductwork.contracts.ledger import run_pk, task_sk
from moto.events.models import EventPattern
from remote_runs import TABLE

from .conftest import Outside


@pytest.fixture(scope="module")
def machine(outside: Outside) -> str:
    return outside.machine("notices", run_notices.definition(outside.places))


@pytest.fixture
def messages(outside: Outside) -> Any:
    sqs, sns = (outside.remote.aws.aws.client(name) for name in ("sqs", "sns"))
    url = sqs.create_queue(QueueName="ends")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=outside.topic, Protocol="sqs", Endpoint=arn)

    def messages() -> list[dict[str, str]]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for each in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return [json.loads(each["Body"]) for each in found]

    return messages


def event(outside: Outside, execution: str, **changes: object) -> dict[str, Any]:
    """As EventBridge has it of an execution that has ended."""
    found = outside.ended(execution)
    detail = {name: found.get(name) for name in ("executionArn", "stateMachineArn", "name", "status", "error", "cause")}
    detail = {name: value for name, value in {**detail, **changes}.items() if value is not None}
    made = {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
    rule = run_notices.resources(outside.places, "topic")["NoticeRule"]["Properties"]
    assert isinstance(rule, dict)
    assert EventPattern.load(json.dumps(rule["EventPattern"])).matches_event(made)
    return detail


def test_it_says_what_failed_and_how_to_restart_it_once(outside: Outside, machine: str, messages: Any) -> None:
    run_id = "it's of today"
    body = outside.remote.sfn.start_execution(
        stateMachineArn=outside.places.machines["bad"], input=json.dumps({"run_id": run_id})
    )
    detail = event(outside, body["executionArn"])
    # What a worker, or the mirror, writes.
    outside.remote.ledger.update(run_pk("bad", run_id), task_sk("work"), {"error": "exit code 1"})
    for _ in range(2):
        assert outside.execute(machine, detail)["status"] == "SUCCEEDED"
    (message,) = messages()
    assert message["Subject"] == "Ductwork: bad failed"
    lines = message["Message"].splitlines()
    assert lines[0] == "Run it's of today of DAG bad failed."
    assert "  work failed: exit code 1" in lines
    assert f"  ductwork restart 'bad' 'it'\"'\"'s of today' --ledger-table {TABLE}" in lines
    assert lines[-1] == f"Execution: {body['executionArn']}"


def test_an_execution_that_the_ledger_does_not_know(outside: Outside, machine: str, messages: Any) -> None:
    """It broke before it wrote anything: its own error is all that there is to say."""
    arn = outside.remote.sfn.start_execution(
        stateMachineArn=outside.places.machines["good"], input=json.dumps({"conf": 5})
    )["executionArn"]
    assert outside.execute(machine, event(outside, arn))["status"] == "SUCCEEDED"
    (message,) = messages()
    assert "Run (not in the ledger) of DAG good failed." in message["Message"]
    assert "Ductwork.InputRefused" in message["Message"]
    assert "ductwork restart" not in message["Message"]


def test_an_event_that_comes_after_a_restart_says_only_what_it_knows(
    outside: Outside, machine: str, messages: Any
) -> None:
    arn = outside.remote.sfn.start_execution(
        stateMachineArn=outside.places.machines["bad"], input=json.dumps({"run_id": "late"})
    )["executionArn"]
    detail = event(outside, arn)
    outside.remote.ledger.update(run_pk("bad", "late"), "run", {"execution_arn": f"{arn}-2"})
    outside.execute(machine, detail)
    (message,) = messages()
    assert "not in the ledger" in message["Message"]
