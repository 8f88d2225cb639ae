"""S3DeleteObjectsOperator of keys that are named: the machine deletes the objects."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir.aws_call import AwsCall, Check, Each, Failure, Phrase
from ductwork.rules.aws_calls import Given, call_rule
from ductwork.rules.base import Decline

_OPERATOR = "airflow.providers.amazon.aws.operators.s3.S3DeleteObjectsOperator"
# Of DeleteObjects: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_MOST_KEYS = 1000


def _delete(given: Given) -> AwsCall | Decline:
    if name := given.is_set("prefix", "from_datetime", "to_datetime"):
        return Decline(f"{name} is set, so a worker looks for the objects to delete")
    keys = given["keys"]
    keys = keys if isinstance(keys, list) else [keys]
    if not (keys and all(keys)) or len(keys) > _MOST_KEYS:
        return Decline(f"keys are none, or more than {_MOST_KEYS}, so a worker deletes the objects")
    refused = Phrase(("AirflowException: Errors when deleting: ", Each(("Errors",), "Key")))
    return AwsCall(
        why="the machine deletes the objects",
        service="s3",
        action="DeleteObjects",
        arguments={"Bucket": given["bucket"], "Delete": {"Objects": [{"Key": key} for key in keys]}},
        failures=(Failure(Check(("Errors",)), refused),),
    )


RULE = call_rule(
    "s3_object",
    {_OPERATOR: _delete},
    f"{AMAZON_PROVIDER}/operators/s3/s3.html",
    arguments={"Bucket": "bucket", "Delete": "keys"},
)
