"""What becomes of a stack: its status, waiting for it to settle, why it failed.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from ductwork_airflow.aws.errors import STACK_REFUSED, SubmissionError, code, message
from ductwork_airflow.deploying.services import CloudFormation, StackDetail, StackEvent

# A change set that nobody has executed has made it: there is nothing in it.
REVIEW = "REVIEW_IN_PROGRESS"
# Its creation failed: it can only be deleted.
NEVER_MADE = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"})
# What people have to look at.
BROKEN = {
    "UPDATE_ROLLBACK_FAILED": "see its events, then: aws cloudformation continue-update-rollback --stack-name {name}",
    "DELETE_FAILED": "see its events, then delete it: aws cloudformation delete-stack --stack-name {name}",
}
GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_BEGINS_SECONDS = 300.0
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """How stacks are waited for.

    :param pause: seconds between two looks
    :param patience: seconds after which the caller is told to come again
    """

    pause: float = 3.0
    patience: float = 3_600.0


def find(client: CloudFormation, name: str) -> StackDetail | None:
    """A stack as it is; None if there is none."""
    try:
        return client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if code(error) == STACK_REFUSED and "does not exist" in message(error):
            return None
        raise


def settled(client: CloudFormation, name: str, tell: Tell, pace: Pace, since: str = "") -> StackDetail | None:
    """A stack once nothing happens to it any more; what happens meanwhile is told.

    :param since: the event after which to tell; empty tells nothing
    :raises SubmissionError: it takes longer than the caller's patience
    """
    deadline = time.monotonic() + pace.patience
    while (stack := find(client, name)) is not None and is_moving(stack["StackStatus"]):
        since = _tell_events(client, stack["StackId"], tell, since)
        if time.monotonic() > deadline:
            raise SubmissionError(
                f"the stack {name} is still {stack['StackStatus']}: give the same command again later"
            )
        time.sleep(pace.pause)
    if stack is not None and since:
        _tell_events(client, stack["StackId"], tell, since)
    return stack


def is_moving(status: str) -> bool:
    """Whether CloudFormation is at work on a stack."""
    return status.endswith("_IN_PROGRESS") and status != REVIEW


def begun(client: CloudFormation, name: str, pace: Pace, since: str) -> None:
    """Wait until CloudFormation has begun with what it was told after an event.

    :raises SubmissionError: it does not
    """
    deadline = time.monotonic() + min(pace.patience, _BEGINS_SECONDS)
    while last_event(client, name) == since:
        if time.monotonic() > deadline:
            raise SubmissionError(f"CloudFormation does not begin with the stack {name}: give the same command again")
        time.sleep(pace.pause)


def last_event(client: CloudFormation, name: str) -> str:
    """The newest event of a stack, by which :func:`settled` knows those that follow."""
    events = client.describe_stack_events(StackName=name)["StackEvents"]
    return events[0]["EventId"] if events else "none"


def first_failure(client: CloudFormation, stack: StackDetail, since: str) -> str:
    """Why what began after an event has failed: the first resource that did, in CloudFormation's words."""
    failed = [each for each in _after(client, stack["StackId"], since) if each["ResourceStatus"].endswith("_FAILED")]
    for event in failed:
        # Others are only cancelled because of it.
        if "cancelled" not in event.get("ResourceStatusReason", "").lower():
            return f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', event['ResourceStatus'])}"
    return stack.get("StackStatusReason", stack["StackStatus"])


def _tell_events(client: CloudFormation, stack_id: str, tell: Tell, since: str) -> str:
    if not since:
        return since
    for event in _after(client, stack_id, since):
        reason = f" ({event['ResourceStatusReason']})" if event.get("ResourceStatusReason") else ""
        tell(f"  {event['ResourceStatus']:20} {event.get('LogicalResourceId', '')}{reason}")
        since = event["EventId"]
    return since


def _after(client: CloudFormation, stack_id: str, since: str) -> Iterator[StackEvent]:
    """Events after one, the oldest first. A reply has the newest ones: as many as a stack makes between two looks."""
    newer: list[StackEvent] = []
    for event in client.describe_stack_events(StackName=stack_id)["StackEvents"]:
        if event["EventId"] == since:
            break
        newer.append(event)
    return reversed(newer)
