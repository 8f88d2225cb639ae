"""What is called of CloudFormation and S3, as far as its types matter; boto3's clients have these methods.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypedDict

from ductwork.contracts.json_types import JsonObject


class StackParameter(TypedDict):
    """A parameter as a stack has it."""

    ParameterKey: str
    ParameterValue: str


class StackOutput(TypedDict):
    """An output as a stack has it."""

    OutputKey: str
    OutputValue: str


class _StackRequired(TypedDict):
    StackId: str
    StackName: str
    StackStatus: str


class StackDetail(_StackRequired, total=False):
    """A stack."""

    StackStatusReason: str
    Parameters: Sequence[StackParameter]
    Outputs: Sequence[StackOutput]


class _StacksRequired(TypedDict):
    Stacks: Sequence[StackDetail]


class Stacks(_StacksRequired, total=False):
    """A page of stacks."""

    NextToken: str


class ResourceChange(TypedDict, total=False):
    """What becomes of a resource."""

    Action: str
    LogicalResourceId: str
    ResourceType: str
    Replacement: str


class Change(TypedDict):
    """One change of a change set."""

    ResourceChange: ResourceChange


class ChangeSetDetail(TypedDict, total=False):
    """A change set."""

    Status: str
    StatusReason: str
    ExecutionStatus: str
    Changes: Sequence[Change]
    NextToken: str


class StackEvent(TypedDict, total=False):
    """What happened to a resource of a stack, or to the stack."""

    EventId: str
    LogicalResourceId: str
    ResourceType: str
    ResourceStatus: str
    ResourceStatusReason: str


class StackEvents(TypedDict):
    """Events, the newest first."""

    StackEvents: Sequence[StackEvent]


class StackResource(TypedDict, total=False):
    """A resource of a stack."""

    LogicalResourceId: str
    PhysicalResourceId: str
    ResourceType: str


class StackResources(TypedDict):
    """The resources of a stack."""

    StackResources: Sequence[StackResource]


class Template(TypedDict):
    """A template, parsed if it is JSON."""

    TemplateBody: str | JsonObject


class CloudFormation(Protocol):
    """The client of CloudFormation."""

    describe_stacks: Callable[..., Stacks]
    get_template: Callable[..., Template]
    describe_stack_events: Callable[..., StackEvents]
    describe_stack_resources: Callable[..., StackResources]
    delete_stack: Callable[..., object]
    create_change_set: Callable[..., object]
    describe_change_set: Callable[..., ChangeSetDetail]
    delete_change_set: Callable[..., object]
    execute_change_set: Callable[..., object]


class S3(Protocol):
    """The client of S3."""

    head_object: Callable[..., object]
    put_object: Callable[..., object]
    get_bucket_location: Callable[..., Mapping[str, str | None]]
