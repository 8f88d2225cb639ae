"""The shapes of what users write of AWS Batch's requests (its service model) as data, and a walk that compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ductwork.ir import Expr

# A type is a value of that type, a dictionary a structure of these members, a list a list of such values.


@dataclass(frozen=True)
class MapOf:
    """Free keys, values of one type."""

    value: type


CONTAINER_OVERRIDES: dict[str, object] = {
    "command": [str],
    "environment": [{"name": str, "value": str}],
    "resourceRequirements": [{"type": str, "value": str}],
    "instanceType": str,
    "vcpus": int,
    "memory": int,
}
SUBMIT_JOB: dict[str, object] = {
    "jobName": str,
    "jobQueue": str,
    "jobDefinition": str,
    "dependsOn": [{"jobId": str, "type": str}],
    "arrayProperties": {"size": int},
    "parameters": MapOf(str),
    "containerOverrides": CONTAINER_OVERRIDES,
    "retryStrategy": {
        "attempts": int,
        "evaluateOnExit": [{"onStatusReason": str, "onReason": str, "onExitCode": str, "action": str}],
    },
    "timeout": {"attemptDurationSeconds": int},
    "shareIdentifier": str,
    "schedulingPriorityOverride": int,
    "propagateTags": bool,
    "tags": MapOf(str),
}

# A volume of RegisterJobDefinition, without its name.
VOLUME: dict[str, object] = {
    "host": {"sourcePath": str},
    "efsVolumeConfiguration": {
        "fileSystemId": str,
        "rootDirectory": str,
        "transitEncryption": str,
        "transitEncryptionPort": int,
        "authorizationConfig": {"accessPointId": str, "iam": str},
    },
    "s3filesVolumeConfiguration": {
        "fileSystemArn": str,
        "rootDirectory": str,
        "transitEncryptionPort": int,
        "accessPointArn": str,
    },
}

# Of "Integer" in the service model.
_LEAST, _MOST = -(2**31), 2**31 - 1
_NAMES = {str: "a text", int: "a whole number", bool: "true or false"}


# Any: shapes are nested as in SUBMIT_JOB.
def mismatches(value: object, shape: Any, path: str) -> Iterator[tuple[str, str]]:
    """Where ``value`` does not have ``shape``: path and what is wrong. Values known only at run time are texts."""
    if isinstance(shape, (Mapping, MapOf)):
        if not isinstance(value, Mapping):
            yield path, f"{path} must be a dictionary, not {value!r}"
            return
        for key, inner in value.items():
            here = f"{path}.{key}" if path else key
            if isinstance(shape, MapOf):
                yield from mismatches(inner, shape.value, here)
            elif key not in shape:
                yield here, f"{here} is not a member that Batch knows; it knows {', '.join(shape)}"
            else:
                yield from mismatches(inner, shape[key], here)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield path, f"{path} must be a list, not {value!r}"
            return
        for number, inner in enumerate(value):
            yield from mismatches(inner, shape[0], f"{path}[{number}]")
    elif not _is(value, shape):
        yield path, f"{path} must be {_NAMES[shape]}, not {value!r}"
    elif shape is int and isinstance(value, int) and not _LEAST <= value <= _MOST:
        yield path, f"{path} is {value}, and a whole number of AWS Batch's is one from {_LEAST:,} to {_MOST:,}"


def _is(value: object, kind: type) -> bool:
    if isinstance(value, Expr):
        return kind is str
    # A bool is an int to Python, not to AWS.
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
