"""The pattern of a compiled worker task, end to end: ``.sync`` jobs that carry the task token and report by it."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest

from .conftest import QUEUE, Embedded, job_task

RETRY = [
    {"ErrorEquals": ["Ductwork.Retry", "States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}
]
WORKER = """
import boto3, json, os
sfn, token, attempt = boto3.client("stepfunctions"), os.environ["TOKEN"], int(os.environ["TRY"])
def success(**outcome): sfn.send_task_success(taskToken=token, output=json.dumps(outcome))
def failure(error, cause): sfn.send_task_failure(taskToken=token, error=error, cause=cause)
"""


def worker(body: str, **fields: Any) -> dict[str, Any]:
    return job_task(sys.executable, "-c", WORKER + body, **fields)


def test_retry_catch_and_parallel(embedded: Embedded) -> None:
    flaky = worker(
        "success(state='success', tries=attempt) if attempt == 2 else failure('Ductwork.Retry', 'once more')",
        Retry=RETRY,
    )
    crashing = worker("os._exit(1) if attempt == 1 else success(state='skipped', tries=attempt)", Retry=RETRY)
    failing = worker(
        'failure("Ductwork.Failed", "it\'s \\"over\\"")',
        Retry=[{**RETRY[0], "ErrorEquals": ["Ductwork.Retry"]}],
        Catch=[
            {
                "ErrorEquals": ["Ductwork.Failed"],
                "Assign": {"error": "{% $states.errorOutput.Error %}"},
                "Output": {
                    "cause": "{% $states.errorOutput.Cause %}",
                    "tries": "{% $states.context.State.RetryCount %}",
                },
                "Next": "record",
            }
        ],
        Next="record",
    )
    record = {"Type": "Pass", "Output": "{% $merge([$states.input, {'error': $error}]) %}", "End": True}
    branches = [
        {"StartAt": "flaky", "States": {"flaky": flaky}},
        {"StartAt": "crashing", "States": {"crashing": crashing}},
        {"StartAt": "failing", "States": {"failing": failing, "record": record}},
    ]
    assert embedded.run({"all": {"Type": "Parallel", "Branches": branches, "End": True}}) == [
        {"state": "success", "tries": 2},
        {"state": "skipped", "tries": 2},
        {"cause": 'it\'s "over"', "tries": 0, "error": "Ductwork.Failed"},
    ]


def test_the_report_wins_over_the_jobs_end(embedded: Embedded) -> None:
    assert embedded.run({"A": worker("success(state='success'); os._exit(1)")}) == {"state": "success"}


def test_every_try_has_a_token_of_its_own(embedded: Embedded) -> None:
    embedded.dynamodb.create_table(
        TableName="tokens",
        KeySchema=[{"AttributeName": "try", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "try", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = "{'try': {'S': str(attempt)}, 'token': {'S': token}}"
    keep = f"boto3.client('dynamodb').put_item(TableName='tokens', Item={item})"
    execution = embedded.start({"A": worker(keep + "\nos._exit(attempt == 1)", Retry=RETRY, Next="W"), "W": WAIT})
    deadline = time.monotonic() + 15
    while len(items := embedded.dynamodb.scan(TableName="tokens")["Items"]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first, second = (item["token"]["S"] for item in sorted(items, key=lambda item: item["try"]["S"]))
    assert first != second
    with pytest.raises(embedded.sfn.exceptions.TaskTimedOut):
        embedded.sfn.send_task_success(taskToken=first, output="{}")
    with pytest.raises(embedded.sfn.exceptions.InvalidToken):
        embedded.sfn.send_task_success(taskToken="never seen", output="{}")
    embedded.sfn.stop_execution(executionArn=execution)
    assert embedded.finished(execution)["status"] == "ABORTED"


WAIT = {"Type": "Wait", "Seconds": 60, "End": True}


def token_wait(table: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken",
        "Arguments": {
            "TableName": table,
            "Key": {"id": {"S": "join"}},
            "UpdateExpression": "SET #token = :token",
            "ExpressionAttributeNames": {"#token": "token"},
            "ExpressionAttributeValues": {":token": {"S": "{% $states.context.Task.Token %}"}},
        },
        "End": True,
    }


@pytest.fixture(scope="module")
def joins(embedded: Embedded) -> str:
    embedded.dynamodb.create_table(
        TableName="joins",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "joins"


def test_a_token_join(embedded: Embedded, joins: str) -> None:
    """A consumer stores its token, a producer in another branch counts down and wakes it."""
    count_down = {
        "Type": "Task",
        "Resource": "arn:aws:states:::dynamodb:updateItem",
        "Arguments": {
            "TableName": joins,
            "Key": {"id": {"S": "join"}},
            "UpdateExpression": "ADD pending :one",
            "ExpressionAttributeValues": {":one": {"N": "{% $string(1) %}"}},
            "ReturnValues": "ALL_NEW",
        },
        "Assign": {"token": "{% $states.result.Attributes.token.S %}"},
        "Output": "{% $states.result.Attributes.pending.N %}",
        "Next": "wake",
    }
    wake = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
        "Arguments": {"TaskToken": "{% $token %}", "Output": "{% $string({'outcomes': {'a': 'success'}}) %}"},
        "End": True,
    }
    branches = [
        {"StartAt": "join", "States": {"join": token_wait(joins)}},
        {
            "StartAt": "work",
            "States": {"work": job_task("sleep", "0.5", Next="count"), "count": count_down, "wake": wake},
        },
    ]
    output = embedded.run({"all": {"Type": "Parallel", "Branches": branches, "End": True}})
    assert output == [{"outcomes": {"a": "success"}}, {}]


@pytest.mark.parametrize("prefix", ["dynamodb:updateItem DynamoDB", "aws-sdk:dynamodb:updateItem DynamoDb"])
def test_a_failed_condition_is_caught_by_its_name(embedded: Embedded, joins: str, prefix: str) -> None:
    resource, error = prefix.split()
    task = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Arguments": {
            "TableName": joins,
            "Key": {"id": {"S": "new"}},
            "UpdateExpression": "SET x = :x",
            "ConditionExpression": "attribute_exists(id)",
            "ExpressionAttributeValues": {":x": {"S": "x"}},
        },
        "Catch": [
            {"ErrorEquals": [f"{error}.ConditionalCheckFailedException"], "Output": "{% 'go on' %}", "Next": "Z"}
        ],
        "End": True,
    }
    assert embedded.run({"A": task, "Z": {"Type": "Succeed"}}) == "go on"


def test_stopping_an_execution_ends_its_jobs(embedded: Embedded, joins: str) -> None:
    retried = job_task("sleep", "61", Retry=[{"ErrorEquals": ["States.ALL"]}])
    branches = [
        {"StartAt": f"B{i}", "States": {f"B{i}": state}} for i, state in enumerate([retried, token_wait(joins), WAIT])
    ]
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]
    machine = {"A": {"Type": "Parallel", "Branches": branches, "Catch": catch, "End": True}, "Z": {"Type": "Succeed"}}
    execution = embedded.start(machine)
    deadline = time.monotonic() + 10
    while not (running := embedded.batch.list_jobs(jobQueue=QUEUE)["jobSummaryList"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    embedded.sfn.stop_execution(executionArn=execution, error="Stopped", cause="by the test")
    found = embedded.finished(execution, seconds=5)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Stopped", "by the test")
    job = embedded.ended(running[0]["jobId"], seconds=5)
    assert (job["status"], job["statusReason"]) == ("FAILED", "The execution of the state machine was stopped")
    types = [event["type"] for event in embedded.sfn.get_execution_history(executionArn=execution)["events"]]
    assert types[-1] == "ExecutionAborted"
    assert not {"TaskSucceeded", "TaskFailed", "ParallelStateSucceeded"} & set(types)


@pytest.mark.parametrize("kind", ["Parallel", "Map"])
def test_a_failing_sibling_ends_running_jobs(embedded: Embedded, kind: str) -> None:
    script = ["sh", "-c", "[ $0 = 0 ] && exit 1; exec sleep 62"]
    if kind == "Map":
        item = job_task(*script, "{% $string($states.input) %}")
        inner = {"Items": "{% [0, 1] %}", "ItemProcessor": {"StartAt": "I", "States": {"I": item}}}
    else:
        inner = {"Branches": [{"StartAt": f"B{i}", "States": {f"B{i}": job_task(*script, str(i))}} for i in range(2)]}
    assert embedded.run({"A": {"Type": kind, **inner, "End": True}}) == ("FAILED", "States.TaskFailed")
    deadline = time.monotonic() + 30
    while embedded.batch.list_jobs(jobQueue=QUEUE)["jobSummaryList"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_array_job_is_awaited_and_maps_keep_their_keys(embedded: Embedded) -> None:
    task = job_task("sh", "-c", "exit $AWS_BATCH_JOB_ARRAY_INDEX")
    task["Arguments"] |= {"ArrayProperties": {"Size": 3}, "Tags": {"my-tag": "1"}, "Parameters": {"lowerKey": "v"}}
    task["Catch"] = [
        {"ErrorEquals": ["States.TaskFailed"], "Output": "{% $parse($states.errorOutput.Cause) %}", "Next": "Z"}
    ]
    job = embedded.run({"A": task, "Z": {"Type": "Succeed"}})
    assert job["ArrayProperties"]["StatusSummary"]["FAILED"] == 2
    assert (job["Status"], job["Tags"], job["Parameters"]) == ("FAILED", {"my-tag": "1"}, {"lowerKey": "v"})
    assert {"Name": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"} in job["Container"]["Environment"]


def test_text_arguments_take_objects(embedded: Embedded) -> None:
    topic = embedded.aws.aws.client("sns").create_topic(Name="topic")["TopicArn"]
    attributes = {"lower_key": {"DataType": "String", "StringValue": "v"}}
    arguments = {"TopicArn": topic, "Message": {"a": [1]}, "MessageAttributes": attributes}
    queue = embedded.aws.aws.client("sqs")
    url = queue.create_queue(QueueName="inbox")["QueueUrl"]
    arn = queue.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    embedded.aws.aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    state = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Arguments": arguments, "End": True}
    assert set(embedded.run({"A": state})) >= {"MessageId"}
    [message] = queue.receive_message(QueueUrl=url)["Messages"]
    body = json.loads(message["Body"])
    assert json.loads(body["Message"]) == {"a": [1]}
    assert body["MessageAttributes"]["lower_key"]["Value"] == "v"
