"""A stack becomes what a template says, by a change set.

Every step finds out what is there already, so the same call goes on where one before it was killed: a stack that is
under way is waited for, a change set that was made is used, a stack that never came to be is made anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from botocore.exceptions import ClientError
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.names import short_hash

from ductwork_airflow.aws.errors import CHANGE_SET_UNKNOWN, STACK_REFUSED, SubmissionError, code
from ductwork_airflow.deploying import stack_status
from ductwork_airflow.deploying.services import ChangeSetDetail, CloudFormation, ResourceChange, StackDetail
from ductwork_airflow.deploying.stack_status import BROKEN, GOOD, NEVER_MADE, REVIEW, Pace, Tell

UNCHANGED, DEPLOYED, WOULD_CHANGE = "unchanged", "deployed", "would change"
_UNCHANGED_REASONS = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Wanted:
    """A stack as it is to be.

    :param template: its JSON data
    :param parameters: those to be given; others keep what they have, or their defaults
    :param url: where the template is, if it is too large for a request
    """

    name: str
    template: JsonObject
    parameters: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None

    @property
    def text(self) -> str:
        """The template's text, as it is sent."""
        return json.dumps(self.template, separators=(",", ":"), ensure_ascii=False)

    @property
    def change_set(self) -> str:
        """A name that is the same for the same change."""
        return f"ductwork-{short_hash(self.name + self.text + json.dumps(dict(self.parameters), sort_keys=True), 16)}"


def deploy(client: CloudFormation, wanted: Wanted, tell: Tell, pace: Pace, *, dry_run: bool) -> str:
    """Make a stack be as wanted, and wait until it is.

    :return: :data:`UNCHANGED`, :data:`DEPLOYED` or, with ``dry_run``, :data:`WOULD_CHANGE`
    :raises SubmissionError: CloudFormation did not do it, or somebody has to mend the stack first
    """
    stack = _fit_for_change(client, wanted, tell, pace, dry_run=dry_run)
    if stack is not None and is_as_wanted(client, stack, wanted):
        return UNCHANGED
    change = _prepared(client, wanted, stack, pace)
    if change is None:
        return UNCHANGED
    for line in shown(change):
        tell(line)
    if dry_run:
        _forget(client, wanted, is_new=stack is None)
        return WOULD_CHANGE
    _execute(client, wanted, tell, pace)
    return DEPLOYED


def is_as_wanted(client: CloudFormation, stack: StackDetail, wanted: Wanted) -> bool:
    """Whether a stack has the template and the parameters already."""
    if stack["StackStatus"] not in GOOD and not stack["StackStatus"].startswith("UPDATE_ROLLBACK"):
        return False
    has = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", ())}
    if any(has.get(name) != value for name, value in wanted.parameters.items()):
        return False
    body = client.get_template(StackName=wanted.name, TemplateStage="Original")["TemplateBody"]
    template = json.loads(body) if isinstance(body, str) else body
    return json.dumps(template, sort_keys=True) == json.dumps(wanted.template, sort_keys=True)


def shown(change: ChangeSetDetail) -> list[str]:
    """What a change set does, a line for each resource."""
    lines = []
    for each in sorted((entry["ResourceChange"] for entry in change.get("Changes", ())), key=_order):
        how = " (replaced)" if each.get("Replacement") == "True" else ""
        lines.append(f"  {each['Action'].lower():7} {each['LogicalResourceId']}  {each['ResourceType']}{how}")
    return lines


def _order(change: ResourceChange) -> tuple[str, str]:
    return change["Action"], change["LogicalResourceId"]


def _fit_for_change(
    client: CloudFormation, wanted: Wanted, tell: Tell, pace: Pace, *, dry_run: bool
) -> StackDetail | None:
    """The stack, once it can be changed; None if there is none, or nothing but the change set that makes it."""
    name = wanted.name
    stack = stack_status.settled(client, name, tell, pace)
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        return None
    if (hint := BROKEN.get(stack["StackStatus"])) is not None:
        raise SubmissionError(f"the stack {name} is {stack['StackStatus']}: {hint.format(name=name)}")
    if stack["StackStatus"] == REVIEW and (dry_run or _is_ready(_described(client, wanted))):
        return None
    if stack["StackStatus"] in NEVER_MADE | {REVIEW}:
        tell(f"{name} never came to be ({stack['StackStatus']}): it is made anew")
        client.delete_stack(StackName=name)
        stack_status.settled(client, name, tell, pace)
        return None
    return stack


def _is_ready(change: ChangeSetDetail | None) -> bool:
    return change is not None and (change["Status"], change.get("ExecutionStatus")) == ("CREATE_COMPLETE", "AVAILABLE")


def _prepared(client: CloudFormation, wanted: Wanted, stack: StackDetail | None, pace: Pace) -> ChangeSetDetail | None:
    """The change set, ready to be executed; None if it would change nothing."""
    found = _described(client, wanted)
    if found is not None and found.get("ExecutionStatus") not in {"AVAILABLE", None} and found["Status"] != "FAILED":
        # One that was executed before, for a stack that has been changed back since.
        client.delete_change_set(StackName=wanted.name, ChangeSetName=wanted.change_set)
        found = None
    if found is None or found["Status"] == "FAILED":
        if found is not None:
            client.delete_change_set(StackName=wanted.name, ChangeSetName=wanted.change_set)
        client.create_change_set(**_request(wanted, stack))
    change = _ready(client, wanted, pace)
    if change["Status"] == "FAILED":
        reason = change.get("StatusReason", "")
        client.delete_change_set(StackName=wanted.name, ChangeSetName=wanted.change_set)
        if any(each in reason for each in _UNCHANGED_REASONS):
            return None
        raise SubmissionError(f"CloudFormation does not take the change of {wanted.name}: {reason}")
    return change


def _ready(client: CloudFormation, wanted: Wanted, pace: Pace) -> ChangeSetDetail:
    deadline = time.monotonic() + pace.patience
    while True:
        change = _described(client, wanted)
        if change is not None and change["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
            return change
        if time.monotonic() > deadline:
            raise SubmissionError(f"the change set {wanted.change_set} of {wanted.name} does not become ready")
        time.sleep(pace.pause)


def _request(wanted: Wanted, stack: StackDetail | None) -> Mapping[str, object]:
    had = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", ())} if stack else {}
    kept = {name: had[name] for name in parameter_names(wanted.template) if name in had}
    values = sorted({**kept, **wanted.parameters}.items())
    return {
        "StackName": wanted.name,
        "ChangeSetName": wanted.change_set,
        "ChangeSetType": "UPDATE" if stack else "CREATE",
        "Capabilities": ["CAPABILITY_IAM"],
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in values],
        "Tags": [{"Key": "ductwork", "Value": "stack"}],
        **({"TemplateURL": wanted.url} if wanted.url else {"TemplateBody": wanted.text}),
    }


def _described(client: CloudFormation, wanted: Wanted) -> ChangeSetDetail | None:
    try:
        return _all_changes(client, wanted)
    except ClientError as error:
        if code(error) in {CHANGE_SET_UNKNOWN, STACK_REFUSED}:
            return None
        raise


def _all_changes(client: CloudFormation, wanted: Wanted) -> ChangeSetDetail:
    """A change set with the changes of all pages."""
    names = {"StackName": wanted.name, "ChangeSetName": wanted.change_set}
    first = page = client.describe_change_set(**names)
    changes = [*first.get("Changes", ())]
    while token := page.get("NextToken"):
        page = client.describe_change_set(**names, NextToken=token)
        changes += page.get("Changes", ())
    return {**first, "Changes": changes}


def _forget(client: CloudFormation, wanted: Wanted, *, is_new: bool) -> None:
    """Leave nothing of a change that was only to be shown."""
    client.delete_change_set(StackName=wanted.name, ChangeSetName=wanted.change_set)
    stack = stack_status.find(client, wanted.name)
    if is_new and stack is not None and stack["StackStatus"] == REVIEW:
        client.delete_stack(StackName=wanted.name)


def _execute(client: CloudFormation, wanted: Wanted, tell: Tell, pace: Pace) -> None:
    since = stack_status.last_event(client, wanted.name)
    client.execute_change_set(
        StackName=wanted.name, ChangeSetName=wanted.change_set, ClientRequestToken=wanted.change_set
    )
    stack_status.begun(client, wanted.name, pace, since)
    stack = stack_status.settled(client, wanted.name, tell, pace, since)
    if stack is None or stack["StackStatus"] not in GOOD:
        why = stack_status.first_failure(client, stack, since) if stack else "it was deleted meanwhile"
        raise SubmissionError(f"the stack {wanted.name} was not deployed: {why}")


def parameter_names(template: JsonObject) -> Sequence[str]:
    """The names of a template's parameters."""
    named = template.get("Parameters", {})
    return list(named) if isinstance(named, Mapping) else []
