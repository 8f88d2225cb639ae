"""What AWS Batch's SubmitJob accepts (service model and service quotas of AWS Batch)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ductwork.batch_shapes import SUBMIT_JOB, mismatches

MAX_ATTEMPTS = 10
MIN_TIMEOUT_SECONDS = 60
MAX_TIMEOUT_SECONDS = 99_999_999
MAX_DEPENDENCIES = 20
MAX_DEFINITION_BYTES = 24 * 1024
MAX_TAGS = 50
_MAX_TAG_KEY, _MAX_TAG_VALUE = 128, 256
MAX_SCHEDULING_PRIORITY = 9_999
MAX_OVERRIDES_CHARACTERS = 8_192
MAX_REQUEST_BYTES = 30 * 1024
ARRAY_SIZE = range(2, 10_001)

_SUBSTITUTION = r"\$\{[A-Za-z0-9]+\}"
_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}"
_ARN = r"arn:aws[a-z-]*:batch:[a-z0-9-]+:\d{12}:"
JOB_NAME = re.compile(_NAME)
JOB_QUEUE = re.compile(rf"{_NAME}|{_ARN}job-queue/{_NAME}|{_SUBSTITUTION}")
JOB_DEFINITION = re.compile(rf"{_NAME}(:\d+)?|{_ARN}job-definition/{_NAME}(:\d+)?|{_SUBSTITUTION}")
# An IAM role; what a container's secret may refer to: Secrets Manager, or Parameter Store by ARN or path.
ROLE = re.compile(rf"arn:aws[a-z-]*:iam::\d{{12}}:role/[\w+=,.@/-]+|{_SUBSTITUTION}")
SECRET = re.compile(rf"arn:aws[a-z-]*:(secretsmanager|ssm):[a-z0-9-]+:\d{{12}}:\S+|/[\w./-]+|{_SUBSTITUTION}")
EVENT_BUS = re.compile(rf"[A-Za-z0-9_./:-]{{1,1600}}|{_SUBSTITUTION}")
_REFERENCE = re.compile(r"Ref::([A-Za-z0-9_-]+)")
TABLE = re.compile(rf"[A-Za-z0-9_.-]{{3,255}}|{_SUBSTITUTION}")


@dataclass(frozen=True)
class Problem:
    """:param field: a member of the request, in boto3's spelling"""

    field: str
    what: str


def problems(request: Mapping[str, Any], reserve: int = 0) -> Iterator[Problem]:
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


def _names(request: Mapping[str, Any]) -> Iterator[Problem]:
    kinds = (("jobName", JOB_NAME, "job name"), ("jobQueue", JOB_QUEUE, "job queue name or ARN"))
    for member, pattern, kind in (
        *kinds,
        ("jobDefinition", JOB_DEFINITION, "job definition name, name:revision or ARN"),
    ):
        value = request.get(member)
        if isinstance(value, str) and not pattern.fullmatch(value):
            yield Problem(member, f"{value!r} is not a legal {kind}")


def _ranges(request: Mapping[str, Any]) -> Iterator[Problem]:
    timeout = _inner(request, "timeout", "attemptDurationSeconds")
    if isinstance(timeout, (int, float)) and timeout < MIN_TIMEOUT_SECONDS:
        yield Problem("timeout", f"a timeout of {timeout} s is under Batch's minimum of {MIN_TIMEOUT_SECONDS} s")
    attempts = _inner(request, "retryStrategy", "attempts")
    if isinstance(attempts, int) and not 1 <= attempts <= MAX_ATTEMPTS:
        yield Problem("retryStrategy", f"{attempts} attempts are outside Batch's range of 1 to {MAX_ATTEMPTS}")
    size = _inner(request, "arrayProperties", "size")
    if isinstance(size, int) and size not in ARRAY_SIZE:
        yield Problem("arrayProperties", f"an array of {size} jobs is outside Batch's range of 2 to 10,000")
    tags = request.get("tags")
    if isinstance(tags, Mapping):
        yield from _tags(tags)
    priority = request.get("schedulingPriorityOverride")
    if isinstance(priority, int) and not 0 <= priority <= MAX_SCHEDULING_PRIORITY:
        yield Problem("schedulingPriorityOverride", f"priority {priority} is outside Batch's range of 0 to 9999")


def _tags(tags: Mapping[str, Any]) -> Iterator[Problem]:
    if len(tags) > MAX_TAGS:
        yield Problem("tags", f"{len(tags)} tags are more than the {MAX_TAGS} that Batch keeps")
    for key, value in tags.items():
        if not 1 <= len(key) <= _MAX_TAG_KEY or key.lower().startswith("aws:"):
            yield Problem("tags", f"{key!r} is no key of a tag: 1 to {_MAX_TAG_KEY} characters that do not begin aws:")
        if isinstance(value, str) and len(value) > _MAX_TAG_VALUE:
            yield Problem("tags", f"the tag {key} has {len(value)} characters, and Batch keeps {_MAX_TAG_VALUE}")


def _overrides(request: Mapping[str, Any], reserve: int) -> Iterator[Problem]:
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
    size = len(json.dumps(_expanded(request), default=str, separators=(",", ":"))) + reserve
    if size > MAX_OVERRIDES_CHARACTERS:
        yield Problem("containerOverrides", f"container overrides of {size:,} characters are over Batch's 8,192")


def _expanded(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container overrides as ECS gets them: with the parameters that the request itself gives in the command."""
    overrides, parameters = request["containerOverrides"], request.get("parameters") or {}
    if not parameters or not overrides.get("command"):
        return overrides  # type: ignore[no-any-return]

    def value(found: re.Match[str]) -> str:
        return str(parameters.get(found[1], found[0]))

    command = [_REFERENCE.sub(value, word) if isinstance(word, str) else word for word in overrides["command"]]
    return {**overrides, "command": command}


def _payload(request: Mapping[str, Any], reserve: int) -> Iterator[Problem]:
    sizes = {member: len(json.dumps(value, default=str).encode()) for member, value in request.items()}
    if (size := sum(sizes.values()) + reserve) > MAX_REQUEST_BYTES:
        largest = max(sizes, key=lambda member: sizes[member])
        what = f"a request of {size:,} bytes is over Batch's 30 KiB, {sizes[largest]:,} of them {largest}"
        yield Problem(largest, what)


def _inner(request: Mapping[str, Any], member: str, key: str) -> Any:
    outer = request.get(member)
    return outer.get(key) if isinstance(outer, Mapping) else None
