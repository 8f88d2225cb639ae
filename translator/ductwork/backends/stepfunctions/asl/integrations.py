"""The service integrations that states call, with the retries and error names each needs."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ductwork.backends.stepfunctions.asl.nodes import Value
from ductwork.backends.stepfunctions.asl.printer import Printed
from ductwork.backends.stepfunctions.asl.scope import RUN, at_run_time
from ductwork.backends.stepfunctions.asl.states import State
from ductwork.contracts import error_names
from ductwork.contracts.aws_names import JOB_NAME_LIMIT
from ductwork.contracts.names import job_name
from ductwork.contracts.stepfunctions_limits import MAX_RETRY_ATTEMPTS, MAX_RETRY_SECONDS
from ductwork.ir import Concat, PerInstance, Retry, RunValue, Text

SUBMIT_JOB = "arn:aws:states:::batch:submitJob"
SUBMIT_JOB_AND_WAIT = "arn:aws:states:::batch:submitJob.sync"
UPDATE_ITEM = "arn:aws:states:::dynamodb:updateItem"
PUT_ITEM = "arn:aws:states:::dynamodb:putItem"
GET_ITEM = "arn:aws:states:::dynamodb:getItem"
UPDATE_ITEM_AND_WAIT = "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken"
QUERY = "arn:aws:states:::aws-sdk:dynamodb:query"
DESCRIBE_EXECUTION = "arn:aws:states:::aws-sdk:sfn:describeExecution"
SEND_TASK_SUCCESS = "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess"

# Of Step Functions itself. States.TaskFailed stands for any error but a timeout.
ANY_ERROR, TASK_FAILED, TIMED_OUT = "States.ALL", "States.TaskFailed", "States.Timeout"
EVALUATION_FAILED = "States.QueryEvaluationError"
# The optimized integrations and the SDK integrations spell services' errors differently.
SUBMIT_FAULTS = ["Batch.ServerException", "Batch.AWSBatchException", "Batch.TooManyRequestsException"]
SDK_SUBMIT_FAULTS = ["Batch.ServerException", "Batch.BatchException", "Batch.TooManyRequestsException"]
CONDITION_FAILED = ["DynamoDB.ConditionalCheckFailedException", "DynamoDb.ConditionalCheckFailedException"]

# What holds where a retrier does not say it: docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
_RETRY_DEFAULTS = {"IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 2.0, "MaxDelaySeconds": None}

SUBMIT_RETRY = Printed(
    ErrorEquals=SUBMIT_FAULTS,
    MaxAttempts=7,  # for two minutes
    JitterStrategy="FULL",
)
_DYNAMODB_BACKOFF = Printed(ErrorEquals=[TASK_FAILED], MaxAttempts=6, JitterStrategy="FULL")
DYNAMODB_RETRY = [_DYNAMODB_BACKOFF]
# A condition that does not hold is an answer, not a fault.
CONDITIONAL_RETRY = [Printed(ErrorEquals=CONDITION_FAILED, MaxAttempts=0), _DYNAMODB_BACKOFF]
# Nobody waits for the token any more: another branch has woken its owner, or the execution was redriven.
TOKEN_GONE = ["Sfn.TaskTimedOutException", "Sfn.TaskDoesNotExistException", "Sfn.InvalidTokenException"]
# Of StartExecution; the failure of an execution that was started is States.TaskFailed.
# https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
START_RETRY = [
    {
        "ErrorEquals": [
            "StepFunctions.ExecutionLimitExceeded",
            "StepFunctions.ExecutionLimitExceededException",
            "StepFunctions.ThrottlingException",
            "StepFunctions.AWSStepFunctionsException",
            "StepFunctions.SdkClientException",
        ],
        "IntervalSeconds": 2,
        "MaxAttempts": 10,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    }
]
TOKEN_RETRY = [{"ErrorEquals": TOKEN_GONE, "MaxAttempts": 0}, _DYNAMODB_BACKOFF]


_NO_RETRY = Printed(ErrorEquals=[error_names.FAILED, error_names.SKIPPED], MaxAttempts=0)


def job_retry(retry: Retry, *, by_worker: bool = False) -> list[State]:
    """The Retry of a task that runs as a Batch job.

    The worker tells by the error's name what Airflow decided; a container that dies (``States.TaskFailed``) counts as
    a try too. Both are in one retrier because each retrier counts for itself.
    """
    if not retry.retries:
        return [SUBMIT_RETRY]
    interval = min(max(1, math.ceil(retry.delay)), MAX_RETRY_SECONDS)
    rate = max(1.0, retry.backoff)
    # Airflow bounds the delays that grow, by a day at the most.
    longest = math.ceil(min(retry.max_delay or 86_400, 86_400))
    if rate > 1 and interval >= longest:
        interval, rate = longest, 1.0
    policy = {
        "IntervalSeconds": interval,
        "MaxAttempts": min(retry.retries, MAX_RETRY_ATTEMPTS),
        # Of a single retry nothing grows.
        "BackoffRate": rate if retry.retries > 1 else _RETRY_DEFAULTS["BackoffRate"],
        "MaxDelaySeconds": longest if rate > 1 and retry.retries > 1 else None,
    }
    said = {name: value for name, value in policy.items() if value != _RETRY_DEFAULTS[name]}
    # This is also error_names.RETRY: it stands for any error but a timeout.
    again = Printed(ErrorEquals=[TASK_FAILED], **said)
    return [SUBMIT_RETRY, *([_NO_RETRY] if by_worker else []), again]


def item_key(sk: Value) -> State:
    """The key of an item of the run's.

    :param sk: text, or an expression of one
    """
    return {"pk": {"S": RUN.field("pk")}, "sk": {"S": sk}}


# "-" and the eight characters of the run's hash are added at run time.
_JOB_NAME_ROOM = JOB_NAME_LIMIT - 9


def submit_arguments(dag_id: str, what: str, request: Mapping[str, object]) -> Value:
    """The Arguments of a state that submits a job, whose name tells the run.

    :param what: names the job within the DAG
    :param request: all of SubmitJob but the name, in boto3's spelling; leaves may be expressions
    """
    name = Concat((Text(f"{job_name(dag_id, what, _JOB_NAME_ROOM)}-"), RunValue("run_hash")))
    return arguments({"jobName": name, **request})


def arguments(request: Mapping[str, object]) -> Value:
    """The Arguments of a state that sends a request to AWS Batch.

    :param request: in boto3's spelling; leaves may be expressions
    """
    return at_run_time(_pascal(request))


# Members of SubmitJob whose keys are the user's, not names of members.
_USER_KEYS = {"parameters", "tags"}


def _pascal(request: object, *, rename: bool = True) -> object:
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
