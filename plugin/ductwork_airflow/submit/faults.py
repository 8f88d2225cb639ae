"""Which errors of AWS pass by themselves, and which new credentials mend."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    TokenRetrievalError,
)

from ductwork_airflow.submit.errors import code, message

_THROTTLED = frozenset(
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
_EXPIRED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "UnrecognizedClientException",
    }
)
# What AWS says of things that are a moment old.
_NOT_YET = frozenset({"ExecutionDoesNotExist"})


def is_throttled(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    # Batch throttles with ClientException, which is its name for every mistake of the caller.
    return code(error) in _THROTTLED or _status(error) == 429 or "too many requests" in message(error).lower()


def is_expired(error: Exception) -> bool:
    """Whether fresh clients may mend it."""
    if isinstance(error, (NoCredentialsError, CredentialRetrievalError, TokenRetrievalError)):
        return True
    return isinstance(error, ClientError) and code(error) in _EXPIRED


def is_passing(error: Exception) -> bool:
    """Whether the same call may work later."""
    if is_throttled(error) or is_expired(error):
        return True
    if isinstance(error, ClientError):
        return _status(error) >= 500 or code(error) in _NOT_YET
    return isinstance(error, (ConnectionError, HTTPClientError, ConnectionClosedError))


def may_have_worked(error: Exception) -> bool:
    """Whether a call that failed like this may have had its effect: an answer was lost, or the server broke."""
    if isinstance(error, ClientError):
        return _status(error) >= 500
    return not isinstance(error, BotoCoreError) or is_passing(error)


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
