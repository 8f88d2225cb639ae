"""What AWS Batch's SubmitJob accepts (service model and service quotas of AWS Batch)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ductwork.contracts.aws_names import JOB_DEFINITION, JOB_NAME, JOB_QUEUE
from ductwork.contracts.batch_shapes import SUBMIT_JOB, mismatches
from ductwork.contracts.json_types import JsonObject

# https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
MAX_DEPENDENCIES = 20
MAX_DEFINITION_BYTES = 24 * 1024  # of RegisterJobDefinition
MAX_REQUEST_BYTES = 30 * 1024  # of SubmitJob
# https://docs.aws.amazon.com/batch/latest/APIReference/API_ArrayProperties.html
ARRAY_SIZE = range(2, 10_001)
# https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html
MAX_ATTEMPTS = 10
# https://docs.aws.amazon.com/batch/latest/APIReference/API_JobTimeout.html
MIN_TIMEOUT_SECONDS = 60
# https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
MAX_TAGS = 50
_MAX_TAG_KEY, _MAX_TAG_VALUE = 128, 256  # characters
MAX_SCHEDULING_PRIORITY = 9_999
# Of ECS, which Batch hands them to: a job with longer ones is taken and fails.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
MAX_OVERRIDES_CHARACTERS = 8_192

# https://docs.aws.amazon.com/batch/latest/userguide/job_definition_parameters.html
_REFERENCE = re.compile(r"Ref::([A-Za-z0-9_-]+)")


@dataclass(frozen=True)
class Problem:
    """Something in a request that AWS would refuse.

    :param field: a member of the request, in boto3's spelling
    """

    field: str
    what: str


def problems(request: JsonObject, reserve: int = 0) -> Iterator[Problem]:
    """What AWS would refuse in a SubmitJob request. Values known only at run time are passed over.

    :param request: in boto3's spelling
    :param reserve: characters that values known only at run time may take of the container overrides, and of the whole
    """
    misshapen = [Problem(path.split(".")[0], what) for path, what in mismatches(request, SUBMIT_JOB, "")]
    yield from misshapen
    if misshapen:
        return
    yield from _names(request)
    yield from _ranges(request)
    yield from _overrides(request, reserve)
    yield from _payload(request, reserve)


def _names(request: JsonObject) -> Iterator[Problem]:
    kinds = (("jobName", JOB_NAME, "job name"), ("jobQueue", JOB_QUEUE, "job queue name or ARN"))
    for member, pattern, kind in (
        *kinds,
        ("jobDefinition", JOB_DEFINITION, "job definition name, name:revision or ARN"),
    ):
        value = request.get(member)
        if isinstance(value, str) and not pattern.fullmatch(value):
            yield Problem(member, f"{value!r} is not a legal {kind}")


def _ranges(request: JsonObject) -> Iterator[Problem]:
    timeout = _inner(request, "timeout", "attemptDurationSeconds")
    if isinstance(timeout, (int, float)) and timeout < MIN_TIMEOUT_SECONDS:
        yield Problem("timeout", f"a timeout of {timeout} s is under Batch's minimum of {MIN_TIMEOUT_SECONDS} s")
    attempts = _inner(request, "retryStrategy", "attempts")
    if isinstance(attempts, int) and not 1 <= attempts <= MAX_ATTEMPTS:
        yield Problem("retryStrategy", f"{attempts} attempts are outside Batch's range of 1 to {MAX_ATTEMPTS}")
    size = _inner(request, "arrayProperties", "size")
    if isinstance(size, int) and size not in ARRAY_SIZE:
        least, most = ARRAY_SIZE[0], ARRAY_SIZE[-1]
        yield Problem("arrayProperties", f"an array of {size} jobs is outside Batch's range of {least} to {most:,}")
    tags = request.get("tags")
    if isinstance(tags, Mapping):
        yield from _tags(tags)
    priority = request.get("schedulingPriorityOverride")
    if isinstance(priority, int) and not 0 <= priority <= MAX_SCHEDULING_PRIORITY:
        what = f"priority {priority} is outside Batch's range of 0 to {MAX_SCHEDULING_PRIORITY}"
        yield Problem("schedulingPriorityOverride", what)


def _tags(tags: Mapping[str, object]) -> Iterator[Problem]:
    if len(tags) > MAX_TAGS:
        yield Problem("tags", f"{len(tags)} tags are more than the {MAX_TAGS} that Batch keeps")
    for key, value in tags.items():
        if not 1 <= len(key) <= _MAX_TAG_KEY or key.lower().startswith("aws:"):
            yield Problem("tags", f"{key!r} is no key of a tag: 1 to {_MAX_TAG_KEY} characters that do not begin aws:")
        if isinstance(value, str) and len(value) > _MAX_TAG_VALUE:
            yield Problem("tags", f"the tag {key} has {len(value)} characters, and Batch keeps {_MAX_TAG_VALUE}")


def _overrides(request: JsonObject, reserve: int) -> Iterator[Problem]:
    overrides = request.get("containerOverrides")
    if not isinstance(overrides, Mapping):
        return
    for variable in overrides.get("environment") or ():
        name = str(variable.get("name") or "")
        if not name.strip():
            yield Problem("containerOverrides", "a variable has no name")
        if name.startswith("AWS_BATCH"):
            yield Problem("containerOverrides", f"the variable name {name} is reserved by AWS Batch")
    if "" in (overrides.get("command") or ()):
        yield Problem("containerOverrides", "a word of the command is empty, which Batch does not take")
    for need in overrides.get("resourceRequirements") or ():
        if need.get("type") not in {"VCPU", "MEMORY", "GPU"}:
            yield Problem("containerOverrides", f"{need.get('type')!r} is not a resource type (VCPU, MEMORY, GPU)")
    size = (
        len(json.dumps(_expanded(overrides, request.get("parameters")), default=str, separators=(",", ":"))) + reserve
    )
    if size > MAX_OVERRIDES_CHARACTERS:
        what = f"container overrides of {size:,} characters are over Batch's {MAX_OVERRIDES_CHARACTERS:,}"
        yield Problem("containerOverrides", what)


def _expanded(overrides: Mapping[str, Any], parameters: object) -> Mapping[str, Any]:
    """The container overrides as ECS gets them: with the parameters that the request itself gives in the command."""
    if not isinstance(parameters, Mapping) or not parameters or not overrides.get("command"):
        return overrides

    def value(found: re.Match[str]) -> str:
        return str(parameters.get(found[1], found[0]))

    command = [_REFERENCE.sub(value, word) if isinstance(word, str) else word for word in overrides["command"]]
    return {**overrides, "command": command}


def _payload(request: JsonObject, reserve: int) -> Iterator[Problem]:
    sizes = {member: len(json.dumps(value, default=str).encode()) for member, value in request.items()}
    if (size := sum(sizes.values()) + reserve) > MAX_REQUEST_BYTES:
        largest = max(sizes, key=lambda member: sizes[member])
        limit = f"{MAX_REQUEST_BYTES // 1024} KiB"
        what = f"a request of {size:,} bytes is over Batch's {limit}, {sizes[largest]:,} of them {largest}"
        yield Problem(largest, what)


def _inner(request: JsonObject, member: str, key: str) -> object:
    outer = request.get(member)
    return outer.get(key) if isinstance(outer, Mapping) else None
