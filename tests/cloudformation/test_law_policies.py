"""However much a role needs: all of it is allowed, and no policy is longer than IAM takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ductwork.cloudformation.intrinsics import arn, sub
from ductwork.cloudformation.statements import (
    INLINE_LIMIT,
    MANAGED_AT_MOST,
    MANAGED_LIMIT,
    PolicyTooLongError,
    Statement,
    everywhere,
    further_policies,
    role,
)
from hypothesis import given, settings
from hypothesis import strategies as st

# The longest that there are.
FILLED = {
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-4",
    "AWS::AccountId": "1" * 12,
    "MachineName": "m" * 80,
}

resources = st.integers(1, 120).flatmap(
    lambda length: st.lists(
        st.integers(0, 9_999).map(
            lambda number: arn("batch", f"job-definition/${{MachineName}}-{'x' * length}{number}")
        ),
        min_size=1,
        max_size=60,
    )
)
needs = st.lists(resources, min_size=1, max_size=6).map(
    lambda each: [
        *(Statement(f"S{number}x", ("batch:SubmitJob",), tuple(some)) for number, some in enumerate(each)),
        everywhere("All", ["batch:DescribeJobs"], "a reason"),
    ]
)


def filled(node: Any) -> Any:
    if isinstance(node, Mapping):
        if "Fn::Sub" in node:
            text = node["Fn::Sub"]
            for name, value in FILLED.items():
                text = text.replace(f"${{{name}}}", value)
            return text
        return {key: filled(inner) for key, inner in node.items()}
    return [filled(inner) for inner in node] if isinstance(node, list) else node


def allowed(document: Any) -> set[tuple[str, str]]:
    return {
        (action, resource)
        for statement in filled(document)["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


@settings(max_examples=60, deadline=None)
@given(needs)
def test_nothing_is_lost_and_nothing_is_too_long(statements):
    made = role("states.amazonaws.com", [sub("arn")], statements)["Properties"]
    assert isinstance(made, Mapping)
    try:
        further = further_policies("Role", statements)
    except PolicyTooLongError:
        size = sum(len(json.dumps(filled(each.document()), separators=(",", ":"))) for each in statements)
        assert size > MANAGED_LIMIT * (MANAGED_AT_MOST - 1) / 2
        return
    inline: Any = [policy["PolicyDocument"] for policy in made.get("Policies", [])]
    managed: Any = [policy["Properties"]["PolicyDocument"] for policy in further.values()]
    assert bool(inline) != bool(managed)
    for documents, limit in ((inline, INLINE_LIMIT), (managed, MANAGED_LIMIT)):
        for each in documents:
            assert len(json.dumps(filled(each), separators=(",", ":"))) <= limit
            sids = [statement["Sid"] for statement in each["Statement"]]
            assert len(sids) == len(set(sids))
    wanted = set().union(*(allowed({"Statement": [each.document()]}) for each in statements))
    assert set().union(*map(allowed, [*inline, *managed])) == wanted


@pytest.mark.parametrize(("actions", "resource", "why"), [(("s3:*",), "arn", ""), (("s3:GetObject",), "*", "")])
def test_a_wildcard_has_a_reason_or_is_none(actions, resource, why):
    with pytest.raises(AssertionError):
        Statement("S", actions, (resource,), why)
