"""A table of requests: a row that is put there is carried out, and tells what became of it.

EventBridge Pipes hands each new row of the table's stream to the control machine, at least once; the machine takes it
once.
"""

from __future__ import annotations

from ductwork.cloudformation.intrinsics import arn, att, ref
from ductwork.cloudformation.starting import control_machine
from ductwork.cloudformation.starting.machines import Places, Resources
from ductwork.cloudformation.statements import Statement, role

_TABLE, _MACHINE, _PIPE, _LOST = "Requests", "RequestMachine", "RequestPipe", "LostRequests"
# Of a record of the stream, the row as it was put. Pipes fills it in as JSON.
INPUT_TEMPLATE = '{"row": <$.dynamodb.NewImage>}'
# Rows that the machine changes, and those that time to live deletes, are no requests. Only of a leaf can a pattern say
# that it does not exist.
PATTERN = '{"eventName":["INSERT"],"dynamodb":{"NewImage":{"status":{"S":[{"exists":false}]}}}}'
TTL_ATTRIBUTE = "expires_at"


def resources(places: Places) -> Resources:
    """The table, the pipe and the machine."""
    table = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
        "TimeToLiveSpecification": {"AttributeName": TTL_ATTRIBUTE, "Enabled": True},
    }
    stream = att(_TABLE, "StreamArn")
    source = {
        "DynamoDBStreamParameters": {
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 1,
            "MaximumRetryAttempts": 10,
            "DeadLetterConfig": {"Arn": att(_LOST)},
        },
        "FilterCriteria": {"Filters": [{"Pattern": PATTERN}]},
    }
    pipe = {
        "Source": stream,
        "SourceParameters": source,
        "Target": ref(_MACHINE),
        "TargetParameters": {
            "InputTemplate": INPUT_TEMPLATE,
            "StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"},
        },
        "RoleArn": att("RequestPipeRole"),
    }
    reads = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams")
    allowed = [
        Statement("ReadRows", reads, (stream,)),
        Statement("CarryOut", ("states:StartExecution",), (ref(_MACHINE),)),
        Statement("KeepLost", ("sqs:SendMessage",), (att(_LOST),)),
    ]
    return {
        _TABLE: {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": table,
        },
        _LOST: {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 1_209_600}},
        "RequestPipeRole": role("pipes.amazonaws.com", [arn("pipes", "pipe/*")], allowed),
        _PIPE: {"Type": "AWS::Pipes::Pipe", "Properties": pipe},
        **control_machine.resources(places, _MACHINE, of_rows=True, table=ref(_TABLE), table_arn=att(_TABLE)),
    }
