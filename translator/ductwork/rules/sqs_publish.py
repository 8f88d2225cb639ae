"""SqsPublishOperator: the machine sends the message."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir.aws_call import Answer, AwsCall, Metadata
from ductwork.rules.aws_calls import Given, call_rule, given_members

_MEMBERS = {
    "QueueUrl": "sqs_queue",
    "MessageBody": "message_content",
    "DelaySeconds": "delay_seconds",
    "MessageAttributes": "message_attributes",
    "MessageGroupId": "message_group_id",
    "MessageDeduplicationId": "message_deduplication_id",
}
_RETURNED = ("MD5OfMessageBody", "MD5OfMessageAttributes", "MessageId", "SequenceNumber")


def _send(given: Given) -> AwsCall:
    return AwsCall(
        why="the machine sends the message",
        service="sqs",
        action="SendMessage",
        # The SDK's integration does not tell what boto3 calls ResponseMetadata.
        integration="sqs:sendMessage",
        arguments=given_members(**{member: given[argument] for member, argument in _MEMBERS.items()}),
        returns={**{member: Answer((member,)) for member in _RETURNED}, "ResponseMetadata": Metadata()},
    )


RULE = call_rule(
    "sqs_publish",
    {"airflow.providers.amazon.aws.operators.sqs.SqsPublishOperator": _send},
    f"{AMAZON_PROVIDER}/operators/sqs.html",
    arguments=_MEMBERS,
)
