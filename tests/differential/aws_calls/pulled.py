"""XComs in templates of calls: what workers and calls have left, what is not there, and what fails."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.amazon.aws.operators.sqs import SqsPublishOperator
from airflow.sdk import DAG, TaskGroup, task

QUEUE = "https://queue.amazonaws.com/123456789012/pulled"


@task
def account():
    """Makes what the others use, once for each AWS."""
    import boto3

    boto3.client("sqs").create_queue(QueueName="pulled")


@task
def made(ti):
    ti.xcom_push(key="the rows", value=12345678901)
    return {"path": "s3://b/ü", "share": 1.0, "parts": ["a", "it's", None, True], "tiny": 1e-07}


@task(trigger_rule="all_done")
def received():
    """What the queue has got, in a form that does not depend on when."""
    import boto3

    found, client = [], boto3.client("sqs")
    url = client.get_queue_url(QueueName="pulled")["QueueUrl"]
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        found += [message["Body"] for message in messages]
        for message in messages:
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return sorted(found)


def tell(task_id, message, **more):
    return SqsPublishOperator(task_id=task_id, sqs_queue=QUEUE, message_content=message, **more)


with DAG("pulled", default_args={"retries": 0}):
    worker = made()
    member = tell("member", "member {{ ti.xcom_pull('made')['path'] }} {{ task_instance.xcom_pull('made').tiny }}")
    whole = tell("whole", "whole {{ ti.xcom_pull(task_ids='made').parts }} {{ ti.xcom_pull('made')['share'] }}")
    keyed = tell("keyed", "keyed {{ ti.xcom_pull(key='the rows', task_ids='made') }}")
    absent = tell("absent", "absent {{ ti.xcom_pull('made', key='gone') }} {{ ti.xcom_pull('silent') }}")
    again = {"retries": 1, "retry_delay": timedelta(seconds=1)}
    broken = tell("broken", "broken {{ ti.xcom_pull('made')['gone'] }}", **again)
    after = tell("after", "after {{ ti.xcom_pull('broken') }}", trigger_rule="all_done")
    with TaskGroup("group"):
        inner = tell("inner", "inner {{ ti.xcom_pull('member')['MessageId'] | length }}")
        last = tell(
            "last", "last {{ ti.xcom_pull('group.inner')['MD5OfMessageBody'] }} {{ ti.xcom_pull('made').share }}"
        )
    silent = tell("silent", "silent", do_xcom_push=False)
    account() >> silent >> worker >> [member, whole, keyed, absent, broken]
    broken >> after
    [member, whole] >> inner >> last
    [keyed, absent, after, last] >> received()
