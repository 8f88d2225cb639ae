"""The job definitions of a DAG as resources of its stack, and what its machines call them by.

The compiler names a definition by a hash of its content, and DAGs may share it. In a stack the image, the roles and the
name are the DAG's own, and a machine asks for the revision that it was deployed with. Old revisions stay registered:
executions that are under way ask for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ductwork.cloudformation.intrinsics import Resource, Value, arn, filled, ref, sub
from ductwork.contracts.json_types import JsonObject

# As passes.containers.named writes it.
_NAME = re.compile(r"ductwork-([0-9a-f]{16})")
_SHORT = 8
# Members whose keys are the user's, not names of members.
_USER_KEYS = frozenset({"options", "parameters", "tags"})
WORKER_ROLE, EXECUTION_ROLE, WORKER_IMAGE = "WorkerRole", "ExecutionRole", "WorkerImage"


@dataclass(frozen=True)
class JobDefinitions:
    """The definitions that one DAG needs.

    :param requests: RegisterJobDefinition requests by logical id
    """

    requests: Mapping[str, JsonObject]

    @classmethod
    def of(cls, requests: Sequence[JsonObject]) -> JobDefinitions:
        """From what the compiler says."""
        return cls({_logical_id(str(request["jobDefinitionName"])): request for request in requests})

    def named_in(self, text: str) -> str:
        """A document's text in which places of the template take the place of definitions' names."""

        def place(found: re.Match[str]) -> str:
            name = _logical_id(found[0])
            return f"${{{name}}}" if name in self.requests else found[0]

        return _NAME.sub(place, text)

    def places(self) -> Mapping[str, Value]:
        """By the places of :meth:`named_in`, the revision's ARN."""
        return {name: ref(name) for name in self.requests}

    def arns(self, name: str) -> Sequence[Value]:
        """The ARNs, for a policy, of all revisions of a definition that a request names: by a place, a name, an ARN."""
        place = name[2:-1]
        if name.startswith("${") and place in self.requests:
            plain: Value = arn("batch", f"job-definition/{_deployed_name(place)}")
            every: Value = arn("batch", f"job-definition/{_deployed_name(place)}:*")
            return plain, every
        if name.startswith("arn:"):
            head, _, tail = name.partition(":job-definition/")
            bare = f"{head}:job-definition/{tail.partition(':')[0]}"
            return bare, f"{bare}:*"
        bare = name.partition(":")[0]
        return arn("batch", f"job-definition/{bare}"), arn("batch", f"job-definition/{bare}:*")

    def resources(self, places: Mapping[str, Value], containers: Sequence[str] = ()) -> dict[str, Resource]:
        """The resources by logical id.

        :param containers: logical ids of those that run no worker, and so take no worker's role
        """
        return {
            name: _resource(name, request, places, is_worker=name not in containers)
            for name, request in self.requests.items()
        }


def _logical_id(name: str) -> str:
    return f"Job{name.rpartition('-')[2]}"


def _deployed_name(logical_id: str) -> str:
    return f"${{MachineName}}-{logical_id.removeprefix('Job')[:_SHORT]}"


def _resource(name: str, request: JsonObject, places: Mapping[str, Value], *, is_worker: bool) -> Resource:
    given = request["containerProperties"]
    assert isinstance(given, Mapping)
    properties = dict(given)
    if not is_worker and properties.get("jobRoleArn") == f"${{{WORKER_ROLE}}}":
        del properties["jobRoleArn"]
    return {
        "Type": "AWS::Batch::JobDefinition",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "JobDefinitionName": sub(_deployed_name(name)),
            "Type": request["type"],
            "PlatformCapabilities": request["platformCapabilities"],
            "ContainerProperties": filled(_pascal(properties), places),
            "RetryStrategy": {"Attempts": 1},
            "ResourceRetentionPolicy": {"SkipDeregisterOnUpdate": True},
        },
    }


def _pascal(node: object) -> object:
    """boto3's spelling as CloudFormation's: members start with a capital letter."""
    if isinstance(node, Mapping):
        return {key[0].upper() + key[1:]: inner if key in _USER_KEYS else _pascal(inner) for key, inner in node.items()}
    return [_pascal(inner) for inner in node] if isinstance(node, list) else node
