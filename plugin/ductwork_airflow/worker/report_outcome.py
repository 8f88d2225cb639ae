"""Telling the outcome: to Step Functions by the task's token, to a job chain by the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from ductwork.contracts import error_names, exit_codes
from ductwork.semantics.trigger_rules import FAILED, NO_STATUS

from ductwork_airflow.aws.errors import TOKEN_GONE, code
from ductwork_airflow.worker.try_result import SUPERSEDED, TryResult

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

EXIT_OK = exit_codes.SUCCEEDED
EXIT_UNREPORTED = exit_codes.UNREPORTED
EXIT_USAGE = exit_codes.USAGE
EXIT_SUPERSEDED = exit_codes.SUPERSEDED
EXIT_RETRY = exit_codes.RETRY
EXIT_FAILED = exit_codes.FAILED

EXIT_CODES = {
    "success": EXIT_OK,
    "skipped": EXIT_OK,
    "removed": EXIT_OK,
    "up_for_retry": EXIT_RETRY,
    "failed": EXIT_FAILED,
    "upstream_failed": EXIT_FAILED,
    NO_STATUS: EXIT_OK,
    SUPERSEDED: EXIT_SUPERSEDED,
}

ERRORS = {
    "up_for_retry": error_names.RETRY,
    "failed": error_names.FAILED,
    "upstream_failed": error_names.FAILED,
}
_AGAIN = frozenset({"up_for_reschedule", "up_for_retry"})
CAUSE_LIMIT = 32_768  # characters, of SendTaskFailure


def report(
    result: TryResult,
    token: str | None,
    connect: Callable[[], SFNClient],
    *,
    stops: bool = False,
    quiet: bool = False,
    skip_fails: bool = False,
) -> int:
    """Tell whoever started the worker how the try ended: Step Functions by its token, Batch by the exit code.

    :param connect: makes a client of Step Functions
    :param stops: a plain container below it would start although it is skipped, if its own job did not fail
    :param quiet: its failure is in the ledger, where workers below it look, and its job must end well to start them
    :param skip_fails: Step Functions takes it for an error that the task was skipped
    :return: the worker's exit code
    """
    if token is None and stops and result.state in ("skipped", NO_STATUS):
        return EXIT_FAILED
    if token is None and quiet and result.state in FAILED:
        return EXIT_OK
    if token is None or result.state == SUPERSEDED:
        return EXIT_CODES[result.state]
    try:
        _send(result, token, connect(), skip_fails=skip_fails)
    except ClientError as error:
        if code(error) not in TOKEN_GONE:
            return _unreported(error)
        print(f"ductwork worker: Step Functions no longer waits for this task: {error}", file=sys.stderr)
    except BotoCoreError as error:
        return _unreported(error)
    return EXIT_OK


def _send(result: TryResult, token: str, client: SFNClient, *, skip_fails: bool) -> None:
    errors = {**ERRORS, "skipped": error_names.SKIPPED} if skip_fails else ERRORS
    if result.state in errors and not (result.state in _AGAIN and result.until):
        cause = (result.error or f"the task ended {result.state}")[:CAUSE_LIMIT]
        client.send_task_failure(taskToken=token, error=errors[result.state], cause=cause)
        return
    output: dict[str, object] = {"state": result.state}
    if result.skip:
        output["skip"] = list(result.skip)
    if result.until and result.state in _AGAIN:
        output["until"] = result.until
    client.send_task_success(taskToken=token, output=json.dumps(output))


def _unreported(error: Exception) -> int:
    print(f"ductwork worker: cannot report to Step Functions: {error}", file=sys.stderr)
    return EXIT_UNREPORTED
