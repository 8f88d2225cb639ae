"""AWS's partitions: what a definition calls is named with the partition that the machine is in.

Definitions are compiled for :data:`COMMERCIAL`; whoever deploys one elsewhere, in China or in GovCloud, renames it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from ductwork.contracts.json_types import JsonObject

COMMERCIAL = "aws"
# What a Task calls: https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
_CALLED = re.compile(r"arn:[a-z-]+(?=:states:::)")


def of_arn(arn: str) -> str:
    """The partition that an ARN names."""
    return arn.split(":")[1]


def plain(resource: str) -> str:
    """The ``Resource`` of a Task as it is compiled."""
    return _CALLED.sub(f"arn:{COMMERCIAL}", resource, count=1)


def in_partition(definition: JsonObject, partition: str) -> JsonObject:
    """The definition of a machine as it is to be deployed in a partition."""
    return definition if partition == COMMERCIAL else cast(JsonObject, _renamed(definition, f"arn:{partition}"))


def _renamed(node: object, head: str) -> object:
    if isinstance(node, Mapping):
        return {
            key: _CALLED.sub(head, inner, count=1)
            if key == "Resource" and isinstance(inner, str)
            else _renamed(inner, head)
            for key, inner in node.items()
        }
    return [_renamed(inner, head) for inner in node] if isinstance(node, list) else node
