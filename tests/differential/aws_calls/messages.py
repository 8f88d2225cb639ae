"""Messages and events: what is sent, what AWS refuses, and what becomes of it downstream."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.amazon.aws.operators.eventbridge import (
    EventBridgeDisableRuleOperator,
    EventBridgePutEventsOperator,
)
from airflow.providers.amazon.aws.operators.sns import SnsPublishOperator
from airflow.providers.amazon.aws.operators.sqs import SqsPublishOperator
from airflow.sdk import DAG, task

ARN = "arn:aws:{}:us-east-1:123456789012:{}"
QUEUE = "https://queue.amazonaws.com/123456789012/calls"
TOPIC = ARN.format("sns", "calls")


@task
def account():
    """Makes what the others use, once for each AWS."""
    import boto3

    boto3.client("sqs").create_queue(QueueName="calls")
    boto3.client("sns").create_topic(Name="calls")
    boto3.client("sns").subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=ARN.format("sqs", "calls"))
    boto3.client("events").put_rule(Name="nightly", ScheduleExpression="rate(1 day)", State="ENABLED")


@task(trigger_rule="all_done")
def received():
    """What the queue has got, in a form that does not depend on when."""
    import json

    import boto3

    found, client = [], boto3.client("sqs")
    url = client.get_queue_url(QueueName="calls")["QueueUrl"]
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        found += [message["Body"] for message in messages]
        for message in messages:
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    attributes = ("Message", "Subject", "MessageAttributes")
    told = [json.loads(body) if body.startswith("{") else body for body in found]
    return sorted(str(each if isinstance(each, str) else [each.get(name) for name in attributes]) for each in told)


@task
def shapes(sent):
    """A return value without what differs from call to call."""
    metadata = sent.get("ResponseMetadata", {})
    return {
        "members": sorted(sent),
        "metadata": sorted(metadata),
        "status": metadata.get("HTTPStatusCode"),
        "headers": all(name == name.lower() for name in metadata.get("HTTPHeaders", {})),
        "retries": metadata.get("RetryAttempts"),
        "digest": sent.get("MD5OfMessageBody"),
    }


@task
def how_many(events):
    return [type(each).__name__ for each in events]


@task
def one(event):
    return len(event)


@task
def rule_state():
    import boto3

    return boto3.client("events").describe_rule(Name="nightly")["State"]


with DAG("messages", default_args={"retries": 0}):
    made = account()
    tell = SnsPublishOperator(
        task_id="tell",
        target_arn=TOPIC,
        message='{{ ds }} is "loaded"\nünd so weiter',
        subject="loaded {{ ds_nodash }}",
        message_attributes={"day": "{{ ds }}", "tries": 3, "share": 0.5, "tags": ["a", "ü"]},
    )
    plain = SnsPublishOperator(task_id="plain", target_arn=TOPIC, message="{{ 'no' }} template")
    nowhere = SnsPublishOperator(
        task_id="nowhere",
        target_arn=ARN.format("sns", "gone"),
        message="m",
        retries=1,
        retry_delay=timedelta(seconds=1),
    )
    send = SqsPublishOperator(task_id="send", sqs_queue=QUEUE, message_content="day {{ ds }}")
    silent = SqsPublishOperator(task_id="silent", sqs_queue=QUEUE, message_content="silent", do_xcom_push=False)
    lost = SqsPublishOperator(task_id="lost", sqs_queue=QUEUE + "-gone", message_content="m")
    put = EventBridgePutEventsOperator(
        task_id="put",
        entries=[
            {"Source": "calls", "DetailType": "day", "Detail": '{"day": "{{ ds }}"}'},
            {"Source": "calls", "DetailType": "day", "Detail": "{}"},
        ],
    )
    wrong = EventBridgePutEventsOperator(
        task_id="wrong", entries=[{"Source": "calls", "DetailType": "d", "Detail": "no JSON"}]
    )
    off = EventBridgeDisableRuleOperator(task_id="off", name="nightly")
    no_rule = EventBridgeDisableRuleOperator(task_id="no_rule", name="gone")
    got = received()
    made >> [tell, plain, nowhere, send, silent, lost, put, wrong, off, no_rule] >> got
    shapes.override(task_id="told")(tell.output)
    shapes.override(task_id="sent")(send.output)
    how_many(put.output)
    one.expand(event=put.output)
    off >> rule_state()
