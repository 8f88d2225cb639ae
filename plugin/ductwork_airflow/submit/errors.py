"""Errors of sending runs to AWS."""

from __future__ import annotations

from botocore.exceptions import ClientError


class SubmissionError(RuntimeError):
    """A run that cannot be sent as things are; the message says what to do."""


def code(error: ClientError) -> str:
    """AWS's name of an error, e.g. ``AccessDeniedException``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", error))
