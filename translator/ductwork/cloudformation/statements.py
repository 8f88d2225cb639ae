"""Statements of IAM policies, and policies made of them that are not over what IAM takes.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ductwork.cloudformation.intrinsics import NO_VALUE, Resource, Value, ref, when

# Characters without white space: of all policies in a role, and of a managed policy.
INLINE_LIMIT, MANAGED_LIMIT = 10_240, 6_144
# Managed policies of a role, which also has those that the user attaches: AWS's default is 10.
MANAGED_AT_MOST = 8
_AROUND = len('{"Version":"2012-10-17","Statement":[]}')
EVERYTHING = "*"
# What is filled in may be so long.
_LENGTHS = {"AWS::Partition": 10, "AWS::Region": 14, "AWS::AccountId": 12, "MachineName": 80}
_ANY_LENGTH = 180
_PLACE = re.compile(r"\$\{([\w:.]+)\}")


@dataclass(frozen=True)
class Statement:
    """What a role is allowed.

    :param sid: letters and digits, unlike that of any other statement of the role
    :param actions: e.g. ``dynamodb:GetItem``, never with a wildcard
    :param resources: ARNs
    :param why: AWS has nothing finer than all resources; needed with :data:`EVERYTHING`, and only there
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[Value, ...]
    why: str = ""

    def __post_init__(self) -> None:
        assert not any("*" in action for action in self.actions), self.actions
        assert (EVERYTHING in self.resources) == bool(self.why), self.sid

    def document(self) -> Mapping[str, Value]:
        """As it is in a policy."""
        return {"Sid": self.sid, "Effect": "Allow", "Action": list(self.actions), "Resource": list(self.resources)}


def everywhere(sid: str, actions: Sequence[str], why: str) -> Statement:
    """A statement about actions that IAM cannot limit to resources.

    :param why: the reason, as the documentation has it
    """
    return Statement(sid, tuple(actions), (EVERYTHING,), why)


def document(statements: Sequence[Statement]) -> Mapping[str, Value]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": [statement.document() for statement in statements]}


def longest(node: Value) -> int:
    """How many characters a part of a policy has at the most, once it is filled."""
    text = json.dumps(node, separators=(",", ":"))
    if isinstance(node, Mapping):
        if len(node) == 1 and next(iter(node)).startswith(("Fn::", "Ref")):
            return _longest_call(node)
        return 2 + sum(len(json.dumps(key)) + 2 + longest(inner) for key, inner in node.items())
    return 2 + sum(longest(each) + 1 for each in node) if isinstance(node, list) else len(text)


def _longest_call(call: Mapping[str, Value]) -> int:
    text = call.get("Fn::Sub")
    text = text[0] if isinstance(text, list) else text
    if not isinstance(text, str):
        return _ANY_LENGTH
    return 2 + len(_PLACE.sub(lambda place: "x" * _LENGTHS.get(place[1], _ANY_LENGTH), text))


def role(
    service: str, sources: Sequence[Value], statements: Sequence[Statement], managed_arns: Value = NO_VALUE
) -> Resource:
    """A role for one service, with what fits into it of ``statements``; see :func:`further_policies`.

    :param sources: ARNs, with wildcards, of what of the service may take the role (``aws:SourceArn``); empty where the
        service does not say
    :param managed_arns: policies of the user's own
    """
    condition = {
        "StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")},
        **({"ArnLike": {"aws:SourceArn": list(sources)}} if sources else {}),
    }
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    inline = [{"PolicyName": "ductwork", "PolicyDocument": document(statements)}] if _fits(statements) else []
    properties: dict[str, Value] = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "PermissionsBoundary": when("HasBoundary", ref("PermissionsBoundary")),
    }
    if managed_arns is not NO_VALUE:
        properties["ManagedPolicyArns"] = managed_arns
    if inline and statements:
        properties["Policies"] = inline
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def further_policies(role_name: str, statements: Sequence[Statement]) -> dict[str, Resource]:
    """Managed policies with the statements of a role that are too long to be in it; none if they are not.

    :raises PolicyTooLongError: they do not fit into as many policies as a role may have
    """
    if _fits(statements):
        return {}
    groups: list[list[Statement]] = [[]]
    room = MANAGED_LIMIT - _AROUND
    for piece in _pieces(statements, room):
        size = longest(piece.document()) + 1
        if size > room:
            groups.append([])
            room = MANAGED_LIMIT - _AROUND
        groups[-1].append(piece)
        room -= size
    if len(groups) > MANAGED_AT_MOST:
        raise PolicyTooLongError(f"{role_name} needs {len(groups)} policies, and a role has room for {MANAGED_AT_MOST}")
    return {
        f"{role_name}Policy{number}": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"Roles": [ref(role_name)], "PolicyDocument": document(group)},
        }
        for number, group in enumerate(groups, start=1)
    }


class PolicyTooLongError(ValueError):
    """A role that no policies have room for; the message says how large it is."""


def _fits(statements: Sequence[Statement]) -> bool:
    return longest(document(statements)) <= INLINE_LIMIT


def _pieces(statements: Sequence[Statement], room: int) -> Iterator[Statement]:
    """The same statements, each small enough for a policy of its own."""
    for statement in statements:
        empty = longest(replace(statement, resources=(), why="").document())
        parts: list[list[Value]] = [[]]
        left = room - empty - 8
        for resource in statement.resources:
            if (size := longest(resource) + 1) > left and parts[-1]:
                parts.append([])
                left = room - empty - 8
            parts[-1].append(resource)
            left -= size
        for number, resources in enumerate(parts):
            sid = f"{statement.sid}{number or ''}"
            yield replace(statement, sid=sid, resources=tuple(resources))
