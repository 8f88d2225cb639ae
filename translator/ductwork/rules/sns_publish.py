"""SnsPublishOperator: the machine publishes the message."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir.aws_call import Answer, AwsCall, Metadata
from ductwork.rules.aws_calls import Given, call_rule, given_members, json_text
from ductwork.rules.base import Decline
from ductwork.templates import CannotLowerError

_OPERATOR = "airflow.providers.amazon.aws.operators.sns.SnsPublishOperator"


def _publish(given: Given) -> AwsCall | Decline:
    attributes = given["message_attributes"] or {}
    if not isinstance(attributes, dict):
        raise CannotLowerError("message_attributes is no dictionary")
    request = given_members(
        TargetArn=given["target_arn"],
        MessageStructure="json",
        Message=json_text({"default": given["message"]}),
        Subject=given["subject"],
        MessageDeduplicationId=given["message_deduplication_id"],
        MessageGroupId=given["message_group_id"],
        MessageAttributes={name: _attribute(value) for name, value in attributes.items()} or None,
    )
    return AwsCall(
        why="the machine publishes the message",
        service="sns",
        action="Publish",
        # The SDK's integration does not tell what boto3 calls ResponseMetadata.
        integration="sns:publish",
        arguments=request,
        returns={
            "MessageId": Answer(("MessageId",)),
            "SequenceNumber": Answer(("SequenceNumber",)),
            "ResponseMetadata": Metadata(),
        },
    )


def _attribute(value: object) -> dict[str, object]:
    """An attribute of a message by its value's type, as the provider's hook has it."""
    if isinstance(value, (int, float)):
        return {"DataType": "Number", "StringValue": str(value)}
    if isinstance(value, (list, dict)):
        return {"DataType": "String.Array", "StringValue": json_text(value)}
    return {"DataType": "String", "StringValue": value}


RULE = call_rule(
    "sns_publish",
    {_OPERATOR: _publish},
    f"{AMAZON_PROVIDER}/operators/sns.html",
    arguments={
        "TargetArn": "target_arn",
        "Message": "message",
        "Subject": "subject",
        "MessageAttributes": "message_attributes",
        "MessageDeduplicationId": "message_deduplication_id",
        "MessageGroupId": "message_group_id",
    },
)
