"""Which errors of AWS are transient, and which of these new credentials mend."""

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

from ductwork_airflow.aws.errors import CREDENTIALS_EXPIRED, EXECUTION_UNKNOWN, THROTTLED, code, message, status

# What AWS says of things that are a moment old.
_NOT_YET = frozenset({EXECUTION_UNKNOWN})


def is_throttled(error: Exception) -> bool:
    """Whether AWS refused a call because of its rate, so that the same call may be taken later."""
    if not isinstance(error, ClientError):
        return False
    # Batch throttles with ClientException, which is its name for every mistake of the caller.
    return code(error) in THROTTLED or status(error) == 429 or "too many requests" in message(error).lower()


def is_expired(error: Exception) -> bool:
    """Whether fresh clients may mend it."""
    if isinstance(error, (NoCredentialsError, CredentialRetrievalError, TokenRetrievalError)):
        return True
    return code(error) in CREDENTIALS_EXPIRED


def is_transient(error: Exception) -> bool:
    """Whether the same call may work later."""
    if is_throttled(error) or is_expired(error):
        return True
    if isinstance(error, ClientError):
        return status(error) >= 500 or code(error) in _NOT_YET
    return isinstance(error, (ConnectionError, HTTPClientError, ConnectionClosedError))


def may_have_worked(error: Exception) -> bool:
    """Whether a call that failed like this may have had its effect: an answer was lost, or the server broke."""
    if isinstance(error, ClientError):
        return status(error) >= 500
    return not isinstance(error, BotoCoreError) or is_transient(error)
