"""SubmitJob requests: validated as AWS Batch validates them (which moto does not), and turned into a Spec.

Limits: AWS Batch API reference, SubmitJob; user guide, "Service quotas". They are written out here, not taken from
:mod:`ductwork.contracts.batch_limits`, because this judges the requests that are made with those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ductwork_airflow.embedded_aws.batch.jobs import Spec, overrides_length, substitute
from ductwork_airflow.embedded_aws.batch.scheduler import ProcessBatch

if TYPE_CHECKING:
    from moto.batch.models import JobDefinition, JobQueue

# Any: as a client has sent it, in boto3's spelling.
Request = Mapping[str, Any]
Check = tuple[bool, str]

# https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
MAX_REQUEST_BYTES = 30 * 1024
MAX_DEPENDENCIES = 20
# https://docs.aws.amazon.com/batch/latest/APIReference/API_ArrayProperties.html, API_RetryStrategy.html (attempts,
# rules of evaluateOnExit), API_JobTimeout.html, API_SubmitJob.html (tags)
ARRAY_SIZES = range(2, 10_001)
ATTEMPTS = range(1, 11)
MAX_RULES = 5
MIN_TIMEOUT = 60  # seconds
MAX_TAGS = 50
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


class InvalidRequest(ValueError):
    """What AWS answers with ClientException."""


def validate(request: Request) -> None:
    """Check a SubmitJob request by itself.

    :raises InvalidRequest: AWS Batch would refuse this request
    """
    _require(*_size_and_name(request), *_dependencies(request), *_strategy(request), *_environment(request))


def _require(*checks: Check) -> None:
    for holds, message in checks:
        if not holds:
            raise InvalidRequest(message)


def _size_and_name(request: Request) -> list[Check]:
    name = request.get("jobName") or ""
    return [
        (len(json.dumps(request)) <= MAX_REQUEST_BYTES, "Job size must be less than 30 KiB"),
        (
            _NAME.fullmatch(name) is not None,
            f"Job name {name!r} should match valid pattern: up to 128 letters, digits, hyphens and underscores, "
            "the first a letter or a digit",
        ),
        (bool(request.get("jobQueue")), "jobQueue must be provided"),
        (bool(request.get("jobDefinition")), "jobDefinition must be provided"),
        ("nodeOverrides" not in request, "nodeOverrides: the local engine runs container jobs only"),
        (len(request.get("tags") or {}) <= MAX_TAGS, f"A job cannot have more than {MAX_TAGS} tags"),
    ]


def _dependencies(request: Request) -> list[Check]:
    dependencies = request.get("dependsOn") or []
    size = (request.get("arrayProperties") or {}).get("size")
    checks: list[Check] = [
        (len(dependencies) <= MAX_DEPENDENCIES, f"Job cannot have more than {MAX_DEPENDENCIES} dependencies"),
        (size is None or size in ARRAY_SIZES, "Array size must be between 2 and 10000"),
    ]
    for dependency in dependencies:
        kind, target = dependency.get("type"), dependency.get("jobId")
        checks += [
            (kind in (None, "N_TO_N", "SEQUENTIAL"), f"Invalid dependency type {kind!r}"),
            (kind is None or size is not None, f"A dependency of type {kind} needs an array job"),
            (bool(target) or kind == "SEQUENTIAL", "A dependency needs a jobId"),
        ]
    return checks


def _strategy(request: Request) -> list[Check]:
    strategy, timeout = request.get("retryStrategy") or {}, request.get("timeout") or {}
    rules = strategy.get("evaluateOnExit") or []
    seconds = timeout.get("attemptDurationSeconds")
    checks: list[Check] = [
        (strategy.get("attempts", 1) in ATTEMPTS, "attempts must be between 1 and 10"),
        (not rules or "attempts" in strategy, "evaluateOnExit needs attempts"),
        (len(rules) <= MAX_RULES, f"evaluateOnExit cannot have more than {MAX_RULES} entries"),
        (seconds is None or seconds >= MIN_TIMEOUT, f"attemptDurationSeconds must be at least {MIN_TIMEOUT}"),
    ]
    return checks + [
        (str(rule.get("action", "")).upper() in ("RETRY", "EXIT"), "The action of evaluateOnExit is RETRY or EXIT")
        for rule in rules
    ]


def _environment(request: Request) -> list[Check]:
    overrides = container_overrides(request)
    names = [variable.get("name") or "" for variable in overrides.get("environment") or []]
    return [
        (all(names), "An environment variable needs a name"),
        (
            not any(name.startswith("AWS_BATCH") for name in names),
            "Environment variables cannot start with AWS_BATCH, which is reserved",
        ),
        ("" not in (overrides.get("command") or []), "A command cannot contain an empty string"),
    ]


# Any: members of container properties.
def container_overrides(request: Request) -> dict[str, Any]:
    """The overrides of the job's one container, whichever of the three ways of saying them was used."""
    if tasks := (request.get("ecsPropertiesOverride") or {}).get("taskProperties"):
        return dict((tasks[0].get("containers") or [{}])[0])
    if pod := (request.get("eksPropertiesOverride") or {}).get("podProperties"):
        return container_of_pod(pod)
    return dict(request.get("containerOverrides") or {})


# Any: likewise.
def container_of_pod(pod: Mapping[str, Any]) -> dict[str, Any]:
    """A pod's first container in the spelling of container properties; Kubernetes splits command and args."""
    container = (pod.get("containers") or [{}])[0]
    plain: dict[str, Any] = {"environment": container.get("env") or []}
    if command := [*(container.get("command") or []), *(container.get("args") or [])]:
        plain["command"] = command
    return plain


def check_dependencies(request: Request, batch: ProcessBatch) -> None:
    """Check a SubmitJob request against the jobs it depends on.

    :raises InvalidRequest: a job depended on does not exist, or N_TO_N arrays differ in size
    """
    size = (request.get("arrayProperties") or {}).get("size")
    for dependency in request.get("dependsOn") or []:
        if target_id := dependency.get("jobId"):
            target = batch.get(target_id)
            _require((target is not None, f"Job {target_id} that this job depends on does not exist"))
            assert target is not None
            _require(
                (
                    dependency.get("type") != "N_TO_N" or target.size == size,
                    f"N_TO_N needs arrays of one size: this one has {size}, {target_id} has {target.size}",
                )
            )


def to_spec(request: Request, definition: JobDefinition, queue: JobQueue) -> Spec:
    """What the job runs: the definition with the request's overrides and parameters.

    :param definition: moto's JobDefinition
    :param queue: moto's JobQueue
    """
    container = _container_of(definition)
    overrides = container_overrides(request)
    parameters = {**(definition.parameters or {}), **(request.get("parameters") or {})}
    written = list(overrides.get("command") or container.get("command") or [])
    command = substitute(written, parameters)
    is_override = "command" in overrides or list(command) != written
    strategy = request.get("retryStrategy") or definition.retry_strategy or {}
    timeout = request.get("timeout") or definition.timeout or {}
    environment = _variables(container) | _variables(overrides)
    return Spec(
        name=request["jobName"],
        queue_arn=queue.arn,
        queue_name=queue.name,
        compute_environment=queue.environments[0].name,
        definition_arn=definition.arn,
        definition_name=definition.name,
        command=command,
        environment=environment,
        overrides_length=overrides_length(command if is_override else None, overrides.get("environment") or []),
        attempts=strategy.get("attempts", 1),
        evaluate_on_exit=tuple(strategy.get("evaluateOnExit") or ()),
        timeout=timeout.get("attemptDurationSeconds"),
        parameters=parameters,
        tags=request.get("tags") or {},
        depends_on=tuple(request.get("dependsOn") or ()),
        container={key: container[key] for key in ("image", "jobRoleArn", "executionRoleArn") if key in container},
        share_identifier=request.get("shareIdentifier"),
    )


def _container_of(definition: JobDefinition) -> dict[str, Any]:
    if definition.eks_properties:
        return container_of_pod(definition.eks_properties.get("podProperties") or {})
    if not definition.container_properties:
        raise InvalidRequest(f"{definition.name}: the local engine runs job definitions of one container only")
    return dict(definition.container_properties)


def _variables(container: Mapping[str, Any]) -> dict[str, str]:
    variables: Sequence[Mapping[str, str]] = container.get("environment") or []
    return {variable["name"]: variable.get("value") or "" for variable in variables}
