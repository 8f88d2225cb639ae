"""The errors of AWS by their codes: read here, and nowhere else. And the error of a run that cannot be sent."""

from __future__ import annotations

from botocore.exceptions import ClientError

ACCESS_DENIED = "AccessDeniedException"
# The same of other services.
ACCESS_REFUSED = frozenset({ACCESS_DENIED, "AccessDenied", "UnauthorizedOperation"})
CLIENT_UNRECOGNIZED = "UnrecognizedClientException"
TOKEN_EXPIRED = "ExpiredTokenException"
# DynamoDB.
CONDITIONAL_CHECK_FAILED = "ConditionalCheckFailedException"
TABLE_EXISTS = "ResourceInUseException"
VALIDATION = "ValidationException"
# A server that is compatible with DynamoDB, but does not have the operation.
UNKNOWN_OPERATION = frozenset({"UnknownOperationException", "UnsupportedOperationException"})
# DynamoDB of a table, CloudWatch Logs of a group or stream.
NOT_FOUND = "ResourceNotFoundException"
# Batch's name for every mistake of the caller, and for throttling.
BATCH_REFUSED = "ClientException"
# CloudFormation's name for a stack that is not there, and for every other mistake of the caller.
STACK_REFUSED = "ValidationError"
CHANGE_SET_UNKNOWN = "ChangeSetNotFound"
# Step Functions.
EXECUTION_EXISTS = "ExecutionAlreadyExists"
EXECUTION_UNKNOWN = "ExecutionDoesNotExist"
MACHINE_UNKNOWN = "StateMachineDoesNotExist"
QUOTA_EXCEEDED = "ServiceQuotaExceededException"
# S3; an answer without a body, as to HEAD, has the status for a name.
BUCKET_UNKNOWN = "NoSuchBucket"
OBJECT_UNKNOWN = frozenset({"NoSuchKey", "NoSuchVersion", "404", "NotFound"})
# Somebody else is writing the same state machine.
MACHINE_IN_FLUX = frozenset({"ConflictException", "StateMachineAlreadyExists", "StateMachineDeleting"})
# Nobody waits for the task token any more: the state timed out, or the execution has ended or been stopped.
TOKEN_GONE = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
# Of any service.
THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
    }
)
CREDENTIALS_EXPIRED = frozenset(
    {
        CLIENT_UNRECOGNIZED,
        TOKEN_EXPIRED,
        "ExpiredToken",
        "RequestExpired",
        "InvalidClientTokenId",
        "InvalidSignatureException",
    }
)
# Why DynamoDB cancels a transaction: a condition did not hold; somebody else is at work.
CANCELLED_BY_CONDITION = "ConditionalCheckFailed"
CANCELLED_BY_OTHERS = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


class SubmissionError(RuntimeError):
    """A run that cannot be sent as things are; the message says what to do."""


def code(error: Exception) -> str:
    """AWS's name of an error, e.g. ``AccessDeniedException``; empty if it is no answer of AWS."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def message(error: ClientError) -> str:
    """What AWS says of an error, in its words."""
    return str(error.response.get("Error", {}).get("Message", error))


def status(error: ClientError) -> int:
    """The HTTP status of an answer; 0 if it has none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def cancellation_reasons(error: ClientError) -> frozenset[str]:
    """The codes of what cancelled a transaction, of its writes together; that of a write that was none is ``None``."""
    return frozenset(str(reason.get("Code")) for reason in error.response.get("CancellationReasons", ()))
