"""Telling the outcome: to Step Functions by the task's token, to a job chain by the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from ductwork import exit_codes

from ductwork_airflow.worker.outcome import SUPERSEDED, Outcome

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
    SUPERSEDED: EXIT_SUPERSEDED,
}

ERRORS = {"up_for_retry": "Ductwork.Retry", "failed": "Ductwork.Failed", "upstream_failed": "Ductwork.Failed"}
_FAILED = frozenset({"failed", "upstream_failed"})
CAUSE_LIMIT = 32_768  # characters, of SendTaskFailure

# Nobody waits for the token any more: the state timed out, or the execution has ended or been stopped.
_GONE = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


def report(
    outcome: Outcome, token: str | None, connect: Callable[[], Any], *, stops: bool = False, quiet: bool = False
) -> int:
    """
    :param connect: makes a client of Step Functions
    :param stops: a plain container below it would start although it is skipped, if its own job did not fail
    :param quiet: its failure is in the ledger, where workers below it look, and its job must end well to start them
    :return: the worker's exit code
    """
    if token is None and stops and outcome.state == "skipped":
        return EXIT_FAILED
    if token is None and quiet and outcome.state in _FAILED:
        return EXIT_OK
    if token is None or outcome.state == SUPERSEDED:
        return EXIT_CODES[outcome.state]
    try:
        _send(outcome, token, connect())
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in _GONE:
            return _unreported(error)
        print(f"ductwork worker: Step Functions no longer waits for this task: {error}", file=sys.stderr)
    except BotoCoreError as error:
        return _unreported(error)
    return EXIT_OK


def _send(outcome: Outcome, token: str, client: Any) -> None:
    if outcome.state in ERRORS:
        cause = (outcome.error or f"the task ended {outcome.state}")[:CAUSE_LIMIT]
        client.send_task_failure(taskToken=token, error=ERRORS[outcome.state], cause=cause)
        return
    output: dict[str, Any] = {"state": outcome.state}
    if outcome.skip:
        output["skip"] = list(outcome.skip)
    if outcome.until and outcome.state == "up_for_reschedule":
        output["until"] = outcome.until
    client.send_task_success(taskToken=token, output=json.dumps(output))


def _unreported(error: Exception) -> int:
    print(f"ductwork worker: cannot report to Step Functions: {error}", file=sys.stderr)
    return EXIT_UNREPORTED
