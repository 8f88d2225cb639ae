"""Rows of the table of requests: through the pipe's filter and input template to the machine, and the outcome back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_gateway import piped
from ductwork.cloudformation.starting import control_machine, request_table
from moto.events.models import EventPattern

from .conftest import REQUESTS, Outside


@pytest.fixture(scope="module")
def dynamodb(outside: Outside) -> Any:
    properties = request_table.resources(outside.places)["Requests"]["Properties"]
    assert isinstance(properties, dict)
    client = outside.remote.aws.aws.client("dynamodb")
    shape = {name: properties[name] for name in ("BillingMode", "AttributeDefinitions", "KeySchema")}
    client.create_table(TableName=REQUESTS, **shape)
    return client


@pytest.fixture(scope="module")
def machine(outside: Outside) -> str:
    return outside.machine("rows", control_machine.definition(outside.places, of_rows=True))


def record(row: dict[str, Any], event: str = "INSERT") -> dict[str, Any]:
    """Of a DynamoDB stream, as Pipes reads it."""
    return {
        "eventID": "1",
        "eventName": event,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {"Keys": {"id": row["id"]}, "NewImage": row, "SequenceNumber": "1", "SizeBytes": 9},
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/requests/stream/2026-01-01T00:00:00.000",
    }


def texts(**values: str) -> dict[str, Any]:
    return {name: {"S": value} for name, value in values.items()}


def deliver(outside: Outside, machine: str, event: dict[str, Any]) -> None:
    assert EventPattern.load(request_table.PATTERN).matches_event(event)
    assert outside.execute(machine, piped(request_table.INPUT_TEMPLATE, event))["status"] == "SUCCEEDED"


def outcome(dynamodb: Any, number: str) -> dict[str, str]:
    item = dynamodb.get_item(TableName=REQUESTS, Key={"id": {"S": number}})["Item"]
    return {name: value.get("S", "") for name, value in item.items()}


def test_a_row_starts_a_run_once_and_learns_its_end(outside: Outside, dynamodb: Any, machine: str) -> None:
    row = texts(id="1", action="start", dag_id="good", run_id="of row 1", conf=json.dumps({"n": 12345678901234567}))
    dynamodb.put_item(TableName=REQUESTS, Item=row)
    deliver(outside, machine, record(row))
    found = outcome(dynamodb, "1")
    assert (found["status"], found["error"]) == ("success", "")
    run = outside.remote.ledger.run("good", "of row 1")
    assert run is not None
    assert (run["state"], run["execution_arn"]) == ("success", found["execution_arn"])
    assert json.loads(run["conf"]) == {"n": 12345678901234567}
    executions = len(outside.remote.sfn.list_executions(stateMachineArn=outside.places.machines["good"])["executions"])
    deliver(outside, machine, record(row))  # again, and late
    again = outside.remote.sfn.list_executions(stateMachineArn=outside.places.machines["good"])["executions"]
    assert (outcome(dynamodb, "1"), len(again)) == (found, executions)


def test_a_row_learns_of_a_failure(outside: Outside, dynamodb: Any, machine: str) -> None:
    row = texts(id="2", scheduleId="bad", startDateTime="2026-04-01T00:00:00Z", scheduleStatus="START")
    dynamodb.put_item(TableName=REQUESTS, Item=row)
    deliver(outside, machine, record(row))
    found = outcome(dynamodb, "2")
    assert found["status"] == "failed"
    assert found["error"].startswith("run manual__2026-04-01T00:00:00Z failed: its task instances are in the ledger")
    assert found["execution_arn"].startswith("arn:aws:states:")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (texts(id="3", action="explode", dag_id="good"), "the action must be start, restart, skip or cancel"),
        (texts(id="4", action="start", dag_id="nobody"), "no DAG nobody may be started here"),
        (
            {**texts(id="5", action="skip", dag_id="good", run_id="r"), "tasks": {"SS": ["--x", "a"]}},
            "must be task ids",
        ),
        (texts(id="6"), "the action must be"),
    ],
)
def test_a_row_learns_why_it_is_refused(outside: Outside, dynamodb: Any, machine: str, row: Any, says: str) -> None:
    dynamodb.put_item(TableName=REQUESTS, Item=row)
    deliver(outside, machine, record(row))
    found = outcome(dynamodb, row["id"]["S"])
    assert (found["status"], says in found["error"]) == ("refused", True), found


def test_what_the_machine_writes_is_no_request() -> None:
    pattern = EventPattern.load(request_table.PATTERN)
    row = texts(id="1", action="start", dag_id="good")
    assert pattern.matches_event(record(row))
    assert not pattern.matches_event(record(row, "MODIFY"))
    assert not pattern.matches_event(record({**row, **texts(status="success")}))
