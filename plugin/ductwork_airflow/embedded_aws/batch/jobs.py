"""What a Batch job is, and the decisions Batch takes about one: pure data, no process, no clock.

Sources: AWS Batch user guide, "Job states", "Automated job retries", "Array jobs", "Job timeouts". The limits are
written out here for the reason that :mod:`ductwork_airflow.embedded_aws.batch.requests` gives.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ductwork.contracts.worker_variables import DAG_ID_VARIABLE

STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
TERMINAL = frozenset({"SUCCEEDED", "FAILED"})
WAITING = frozenset({"SUBMITTED", "PENDING", "RUNNABLE"})

MAX_OVERRIDES = 8192  # characters
DEPENDENCY_FAILED = "Dependent Job failed"
CONTAINER_EXITED = "Essential container in task exited"
TIMED_OUT = "Job attempt duration exceeded timeout"
CHILD_FAILED = "Array Child Job failed"
OVERRIDES_TOO_LONG = f"Container Overrides length must be at most {MAX_OVERRIDES}"


@dataclass(frozen=True)
class Spec:
    """A job as submitted, defaults of its job definition filled in."""

    name: str
    queue_arn: str
    queue_name: str
    compute_environment: str
    definition_arn: str
    definition_name: str
    command: tuple[str, ...]  # Ref:: parameters substituted
    environment: Mapping[str, str]
    overrides_length: int
    attempts: int = 1
    evaluate_on_exit: tuple[Mapping[str, str], ...] = ()
    timeout: int | None = None  # seconds
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[Mapping[str, str], ...] = ()
    container: Mapping[str, Any] = field(default_factory=dict)
    share_identifier: str | None = None

    @property
    def worker_of(self) -> str:
        """The DAG that it runs a task of, which may wait for its own jobs or for other DAGs' runs; empty for none."""
        return self.environment.get(DAG_ID_VARIABLE, "")


@dataclass(eq=False)
class Job:
    """A plain job, an array's parent (``children``) or an array's child (``parent``, ``index``)."""

    id: str
    arn: str
    spec: Spec
    created_at: int  # milliseconds since the epoch, as every time here
    parent: Job | None = None
    index: int | None = None
    size: int | None = None
    status: str = "SUBMITTED"
    reason: str | None = None
    started_at: int | None = None
    stopped_at: int | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    children: list[Job] = field(default_factory=list)
    summary: Counter[str] = field(default_factory=Counter)
    unmet: int = 0
    stop_reason: str | None = None  # why a running attempt is being stopped
    is_cancelled: bool = False
    is_terminated: bool = False
    log_stream: str | None = None
    watchers: list[Callable[[], None]] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether it has succeeded or failed; of an array job, whether all its children have ended."""
        return self.status in TERMINAL

    def exit_code(self) -> int | None:
        """Of the last attempt; None if it was killed, or if none has ended."""
        return self.attempts[-1]["container"].get("exitCode") if self.attempts else None

    def describe_short(self) -> dict[str, object]:
        """One entry of ListJobs."""
        entry: dict[str, object] = {
            "jobArn": self.arn,
            "jobId": self.id,
            "jobName": self.spec.name,
            "createdAt": self.created_at,
            "status": self.status,
            "jobDefinition": self.spec.definition_arn,
        }
        optional = {"statusReason": self.reason, "startedAt": self.started_at, "stoppedAt": self.stopped_at}
        entry |= {key: value for key, value in optional.items() if value is not None}
        if self.exit_code() is not None:
            entry["container"] = {"exitCode": self.exit_code()}
        if self.size is not None or self.index is not None:
            entry["arrayProperties"] = {"size": self.size} if self.index is None else {"index": self.index}
        return entry

    def describe(self) -> dict[str, object]:
        """One entry of DescribeJobs."""
        spec = self.spec
        entry = self.describe_short() | {
            "jobQueue": spec.queue_arn,
            "dependsOn": [dict(dependency) for dependency in spec.depends_on],
            "parameters": dict(spec.parameters),
            "tags": dict(spec.tags),
            "attempts": [dict(attempt) for attempt in self.attempts],
            "isCancelled": self.is_cancelled,
            "isTerminated": self.is_terminated,
            "retryStrategy": {"attempts": spec.attempts, "evaluateOnExit": [dict(r) for r in spec.evaluate_on_exit]},
            "container": self._container(),
            "platformCapabilities": ["FARGATE"],
        }
        if spec.timeout:
            entry["timeout"] = {"attemptDurationSeconds": spec.timeout}
        if spec.share_identifier:
            entry["shareIdentifier"] = spec.share_identifier
        if self.size is not None:
            entry["arrayProperties"] = {
                "size": self.size,
                "statusSummary": {state: self.summary[state] for state in STATES},
            }
        return entry

    def _container(self) -> dict[str, object]:
        details: dict[str, Any] = dict(self.spec.container) | {
            "command": list(self.spec.command),
            "environment": [{"name": name, "value": value} for name, value in self.spec.environment.items()],
        }
        if self.log_stream:
            details["logStreamName"] = self.log_stream
        if self.attempts:
            last = self.attempts[-1]["container"]
            details |= {key: last[key] for key in ("exitCode", "reason") if key in last}
        return details


def substitute(command: Sequence[str], parameters: Mapping[str, str]) -> tuple[str, ...]:
    """``Ref::name`` replaced by parameters; what has no parameter stays as it is."""

    def value(match: re.Match[str]) -> str:
        return parameters.get(match[1], match[0])

    return tuple(re.sub(r"Ref::([A-Za-z0-9_-]+)", value, word) for word in command)


def overrides_length(command: Sequence[str] | None, environment: Sequence[Mapping[str, str]]) -> int:
    """How long ECS finds the overrides: their JSON, in characters."""
    overrides: dict[str, object] = {"environment": list(environment)}
    if command is not None:
        overrides["command"] = list(command)
    return len(json.dumps(overrides, separators=(",", ":"), ensure_ascii=False))


def retries(rules: Sequence[Mapping[str, str]], exit_code: int | None, reason: str | None, status_reason: str) -> bool:
    """Whether evaluateOnExit lets a failed attempt be tried again: the first rule that matches decides, else yes."""
    for rule in rules:
        conditions = (
            ("onExitCode", "" if exit_code is None else str(exit_code)),
            ("onReason", reason or ""),
            ("onStatusReason", status_reason),
        )
        if all(_matches(rule[key], text) for key, text in conditions if key in rule):
            return rule["action"].upper() == "RETRY"
    return True


def _matches(pattern: str, text: str) -> bool:
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text == pattern


def exit_code_of(returncode: int) -> int:
    """A container's exit code; a negative return code stands for a signal, as in :mod:`subprocess`."""
    return returncode if returncode >= 0 else 128 - returncode


def job_environment(job: Job, attempt: int) -> dict[str, str]:
    """What Batch itself puts into a container's environment."""
    environment = {
        "AWS_BATCH_JOB_ID": job.id,
        "AWS_BATCH_JOB_ATTEMPT": str(attempt),
        "AWS_BATCH_JQ_NAME": job.spec.queue_name,
        "AWS_BATCH_CE_NAME": job.spec.compute_environment,
    }
    if job.parent is not None:
        environment["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.index)
        environment["AWS_BATCH_JOB_ARRAY_SIZE"] = str(job.parent.size)
    return environment


def target_id(job: Job, dependency: Mapping[str, str]) -> str:
    """The id ``job`` waits for: another job, the same index of another array, or the child before it."""
    kind, target = dependency.get("type"), dependency.get("jobId", "")
    if kind == "N_TO_N":
        return f"{target}:{job.index}"
    if kind == "SEQUENTIAL" and not target and job.parent is not None:
        return f"{job.parent.id}:{(job.index or 0) - 1}"
    return target
