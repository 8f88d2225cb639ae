"""Reading deployment values: where a worker task runs and what it gets.

Each value is looked up in this order: the task's ``executor_config``, the command line, ``[ductwork]`` in Airflow's
configuration, else a ``${Substitution}`` that CloudFormation fills.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import fields, replace
from typing import Any

from ductwork import batch_limits
from ductwork.batch_shapes import SUBMIT_JOB, VOLUME, mismatches
from ductwork.diagnostics import Diagnostic, Diagnostics, Origin
from ductwork.ir import Deployment

SUBSTITUTED = Deployment(job_queue="${JobQueue}", job_definition="${JobDefinition}", ledger_table="${LedgerTable}")

_KEYS = {item.name for item in fields(Deployment)}

# Airflow's AwsBatchExecutor takes SubmitJob arguments in executor_config.
_SUBMIT_JOB: dict[str, str] = {
    "jobQueue": "job_queue",
    "jobDefinition": "job_definition",
    "shareIdentifier": "share_identifier",
    "schedulingPriorityOverride": "scheduling_priority",
    "propagateTags": "propagate_tags",
    "tags": "tags",
}
_RESOURCES = {"VCPU": "vcpus", "MEMORY": "memory", "GPU": "gpus"}

# executor_config of other executors: it says nothing to Ductwork and is no mistake.
OTHER_EXECUTORS = {"KubernetesExecutor", "pod_override", "pod_template_file", "CeleryExecutor"}


class Reader:
    """Reads deployment values from one source and reports what is wrong with them.

    :param origin: where the source is, for diagnostics
    :param about: ``dag_id`` and ``task_id`` for diagnostics
    """

    def __init__(self, origin: Origin, diagnostics: Diagnostics, **about: str) -> None:
        self._origin = origin
        self._diagnostics = diagnostics
        self._about = about

    def pools(self, text: str) -> dict[str, int]:
        """The sizes of Airflow's pools, which DAG files do not tell: ``name=slots, ...``."""
        found = {}
        for part in filter(None, map(str.strip, text.split(","))):
            name, _, slots = part.partition("=")
            if not slots.strip().isdigit() or not int(slots):
                self._illegal("pools", f"{part!r} is not NAME=SLOTS with a whole number of slots")
                continue
            found[name.strip()] = int(slots)
        return found

    def executor_config(self, config: Any) -> Deployment:
        if not isinstance(config, Mapping):
            return Deployment()
        own = config.get("ductwork") or {}
        if not isinstance(own, Mapping):
            self._illegal("executor_config", f"executor_config['ductwork'] is not a dictionary but {own!r}")
            own = {}
        spelled = self._from_submit_job({key: value for key, value in config.items() if key != "ductwork"})
        # Both may give variables of the environment; what is under "ductwork" wins.
        return merge(self.values(self._from_submit_job(own, also=_KEYS)), self.values(spelled))

    def _from_submit_job(self, config: Mapping[str, Any], also: Set[str] = frozenset()) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in config.items():
            if key in also:
                found[key] = value
            elif key in _SUBMIT_JOB:
                found[_SUBMIT_JOB[key]] = value
            elif key in {"timeout", "containerOverrides"}:
                misshapen = [what for _, what in mismatches(value, SUBMIT_JOB[key], key)]
                for what in misshapen:
                    self._illegal(key, what)
                if not misshapen:
                    found.update(self._from_overrides(value) if key == "containerOverrides" else _timeout(value))
            elif key not in OTHER_EXECUTORS:
                self._unknown(key, "executor_config")
        return found

    def _from_overrides(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in overrides.items():
            if key == "environment":
                found["environment"] = {item.get("name"): item.get("value") for item in value}
            elif key == "resourceRequirements":
                for need in value:
                    if need.get("type") in _RESOURCES:
                        found[_RESOURCES[need["type"]]] = need.get("value")
            elif key in {"vcpus", "memory"}:
                found[key] = value
            else:
                self._unknown(f"containerOverrides.{key}", "executor_config")
        return found

    def values(self, values: Mapping[str, Any]) -> Deployment:
        """
        :param values: by the names of :class:`Deployment`'s fields; None and unknown names are passed over or reported
        """
        good: dict[str, Any] = {}
        for name, value in values.items():
            if name not in _KEYS:
                self._unknown(name, "[ductwork]")
            elif value is not None:
                try:
                    good[name] = _CHECKS[name](value)
                except (ValueError, TypeError) as error:
                    self._illegal(name, f"{name} = {value!r}: {error}")
        return replace(Deployment(), **good)

    def _unknown(self, key: str, place: str) -> None:
        what = f"{key!r} in {place} is not a deployment value"
        hint = f"known: {', '.join(sorted(_KEYS))}; in executor_config also SubmitJob's {', '.join(_SUBMIT_JOB)}"
        self._diagnostics.add("DW202", self._origin, what, hint, field=key, **self._about)

    def _illegal(self, name: str, what: str) -> None:
        hint = "correct it in executor_config, on the command line or in [ductwork]"
        self._diagnostics.add("DW201", self._origin, what, hint, field=name, **self._about)


def _timeout(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"timeout": value.get("attemptDurationSeconds")}


_UNITED = {"environment", "tags", "secrets", "volumes"}


def merge(*deployments: Deployment) -> Deployment:
    """The first deployment's values, gaps filled from the next; dictionaries and sets are united."""
    merged: dict[str, Any] = {}
    for item in fields(Deployment):
        values = [getattr(deployment, item.name) for deployment in deployments]
        if item.name in _UNITED:
            merged[item.name] = {key: value for part in reversed(values) for key, value in part.items()}
        elif item.name == "ignore":
            merged[item.name] = frozenset().union(*values)
        else:
            merged[item.name] = next((value for value in values if value is not None), None)
    return Deployment(**merged)


# Findings about a container operator's argument that the author may take note of.
_IGNORABLE = {"DW402", "DW404", "DW406"}


def settles(values: Deployment, finding: Diagnostic) -> bool:
    """Whether deployment values answer a finding about an argument of a container operator."""
    answered = set(values.ignore)
    if values.job_role:
        answered.add("service_account_name")
    if values.registry_credentials:
        answered |= {"docker_conn_id", "image_pull_secrets"}
    if values.container_image and (finding.code, finding.field) == ("DW407", "image"):
        return True
    return finding.code in _IGNORABLE and finding.field in answered


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not pattern.fullmatch(str(value)):
            raise ValueError(f"not a legal {what}")
        return str(value)

    return check


def _integer(least: int, most: int, unit: str) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        number = int(str(value))
        if not least <= number <= most:
            raise ValueError(f"must be {least:,} to {most:,} {unit}".rstrip())
        return number

    return check


def _vcpus(value: Any) -> str:
    number = float(value)
    if not math.isfinite(number) or not (number in (0.25, 0.5) or (number >= 1 and number == int(number))):
        raise ValueError("must be 0.25, 0.5 or a whole number")
    return f"{number:g}"


def _boolean(value: Any) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if str(value).lower() not in known:
        raise ValueError("must be true or false")
    return known[str(value).lower()]


def _environment(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a dictionary of names and texts")
    for name, text in value.items():
        if name is None or text is None:
            raise ValueError(f"the variable {name} has no value" if name else "a variable has no name")
        if str(name).startswith(("AWS_BATCH", "DUCTWORK_")):
            raise ValueError(f"the variable name {name} is reserved")
    return {str(name): str(text) for name, text in value.items()}


def _tags(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or len(value) > batch_limits.MAX_TAGS:
        raise ValueError(f"must be a dictionary of at most {batch_limits.MAX_TAGS} tags")
    return {str(key): str(text) for key, text in value.items()}


def _secrets(value: Any) -> dict[str, str]:
    check = _matching(batch_limits.SECRET, "ARN of a secret or parameter")
    return {name: check(reference) for name, reference in _environment(value).items()}


def _volumes(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a dictionary of names or paths and Batch volumes")
    for name, volume in value.items():
        for _, what in mismatches(volume, VOLUME, str(name)):
            raise ValueError(what)
        if len(volume) != 1:
            raise ValueError(f"{name} must be one of {', '.join(VOLUME)}")
    return dict(value)


def _names(value: Any) -> frozenset[str]:
    names = value.split(",") if isinstance(value, str) else list(value)
    return frozenset(str(name).strip() for name in names) - {""}


def _platform(value: Any) -> str:
    if str(value).lower() not in {"ec2", "fargate"}:
        raise ValueError("must be ec2 or fargate")
    return str(value).lower()


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "job_queue": _matching(batch_limits.JOB_QUEUE, "job queue name or ARN"),
    "job_definition": _matching(batch_limits.JOB_DEFINITION, "job definition name, name:revision or ARN"),
    "image": _matching(re.compile(r"\S{1,512}"), "image name"),
    "ledger_table": _matching(batch_limits.TABLE, "table name (3 to 255 letters, digits, _ . -)"),
    "vcpus": _vcpus,
    "memory": _integer(4, 2_000_000, "MiB"),
    "gpus": _integer(1, 64, ""),
    "timeout": _integer(batch_limits.MIN_TIMEOUT_SECONDS, batch_limits.MAX_TIMEOUT_SECONDS, "seconds"),
    "share_identifier": _matching(re.compile(r"[A-Za-z0-9]{1,255}"), "share identifier (letters and digits)"),
    "scheduling_priority": _integer(0, 9999, ""),
    "propagate_tags": _boolean,
    "event_bus": _matching(batch_limits.EVENT_BUS, "name or ARN of an event bus"),
    "environment": _environment,
    "tags": _tags,
    "native": _boolean,
    "container_image": _matching(re.compile(r"\S{1,512}"), "image name"),
    "worker_image": _boolean,
    "platform": _platform,
    "job_role": _matching(batch_limits.ROLE, "ARN of a role"),
    "execution_role": _matching(batch_limits.ROLE, "ARN of a role"),
    "registry_credentials": _matching(batch_limits.SECRET, "ARN of a secret"),
    "secrets": _secrets,
    "volumes": _volumes,
    "ignore": _names,
}
