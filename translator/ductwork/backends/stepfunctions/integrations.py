"""The service integrations that states call, with the retries and error names each needs."""

from __future__ import annotations

import math
from typing import Any

from ductwork.backends.stepfunctions import jsonata
from ductwork.ir import Concat, PerInstance, Retry, RunValue, Text
from ductwork.names import job_name

SUBMIT_JOB = "arn:aws:states:::batch:submitJob"
SUBMIT_JOB_AND_WAIT = "arn:aws:states:::batch:submitJob.sync"
UPDATE_ITEM = "arn:aws:states:::dynamodb:updateItem"
PUT_ITEM = "arn:aws:states:::dynamodb:putItem"
GET_ITEM = "arn:aws:states:::dynamodb:getItem"
UPDATE_ITEM_AND_WAIT = "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken"
QUERY = "arn:aws:states:::aws-sdk:dynamodb:query"
DESCRIBE_EXECUTION = "arn:aws:states:::aws-sdk:sfn:describeExecution"
SEND_TASK_SUCCESS = "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess"

# The optimized integration and the SDK integration spell DynamoDB's errors differently.
CONDITION_FAILED = ["DynamoDB.ConditionalCheckFailedException", "DynamoDb.ConditionalCheckFailedException"]

SUBMIT_RETRY = {
    "ErrorEquals": ["Batch.ServerException", "Batch.AWSBatchException", "Batch.TooManyRequestsException"],
    "IntervalSeconds": 2,
    "MaxAttempts": 6,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}
_DYNAMODB_BACKOFF = {
    "ErrorEquals": ["States.TaskFailed"],
    "IntervalSeconds": 1,
    "MaxAttempts": 6,
    "BackoffRate": 2,
    "JitterStrategy": "FULL",
}
DYNAMODB_RETRY = [_DYNAMODB_BACKOFF]
# A condition that does not hold is an answer, not a fault.
CONDITIONAL_RETRY = [{"ErrorEquals": CONDITION_FAILED, "MaxAttempts": 0}, _DYNAMODB_BACKOFF]
# Nobody waits for the token any more: another branch has woken its owner, or the execution was redriven.
TOKEN_GONE = ["Sfn.TaskTimedOutException", "Sfn.TaskDoesNotExistException", "Sfn.InvalidTokenException"]
TOKEN_RETRY = [{"ErrorEquals": TOKEN_GONE, "MaxAttempts": 0}, _DYNAMODB_BACKOFF]
_MAX_INTERVAL_SECONDS = 31_622_400


def job_retry(retry: Retry) -> list[dict[str, Any]]:
    """The Retry of a task that runs as a Batch job.

    The worker tells by the error's name what Airflow decided; a container that dies (``States.TaskFailed``) counts as
    a try too. Both are in one retrier because each retrier counts for itself.
    """
    if not retry.retries:
        return [SUBMIT_RETRY]
    interval = min(max(1, math.ceil(retry.delay)), _MAX_INTERVAL_SECONDS)
    rate = max(1.0, retry.backoff)
    # Airflow bounds the delays that grow, by a day at the most.
    longest = math.ceil(min(retry.max_delay or 86_400, 86_400))
    if rate > 1 and interval >= longest:
        interval, rate = longest, 1.0
    again: dict[str, Any] = {
        "ErrorEquals": ["Ductwork.Retry", "States.TaskFailed"],
        "IntervalSeconds": interval,
        "MaxAttempts": retry.retries,
        "BackoffRate": rate,
    }
    if rate > 1:
        again["MaxDelaySeconds"] = longest
    return [SUBMIT_RETRY, {"ErrorEquals": ["Ductwork.Failed"], "MaxAttempts": 0}, again]


def item_key(sk: str) -> dict[str, Any]:
    return {"pk": {"S": jsonata.expression("$run.pk")}, "sk": {"S": sk}}


# "-" and the eight characters of the run's hash are added at run time.
_JOB_NAME_ROOM = 128 - 9


def submit_arguments(dag_id: str, what: str, request: dict[str, Any]) -> Any:
    """
    :param what: names the job within the DAG
    :param request: all of SubmitJob but the name, in boto3's spelling; leaves may be expressions
    """
    name = Concat((Text(f"{job_name(dag_id, what, _JOB_NAME_ROOM)}-"), RunValue("run_hash")))
    return arguments({"jobName": name, **request})


def arguments(request: dict[str, Any]) -> Any:
    """
    :param request: in boto3's spelling; leaves may be expressions
    """
    return jsonata.leaves(_pascal(request))


# Members of SubmitJob whose keys are the user's, not names of members.
_USER_KEYS = {"parameters", "tags"}


def _pascal(request: Any, *, rename: bool = True) -> Any:
    """A request in boto3's spelling as Step Functions spells it: members start with a capital letter."""
    if isinstance(request, dict):
        return {
            (key[0].upper() + key[1:] if rename else key): _pascal(value, rename=rename and key not in _USER_KEYS)
            for key, value in request.items()
        }
    if isinstance(request, list):
        return [_pascal(value, rename=rename) for value in request]
    if isinstance(request, PerInstance):
        return PerInstance(tuple(_pascal(value, rename=rename) for value in request.values))
    return request
