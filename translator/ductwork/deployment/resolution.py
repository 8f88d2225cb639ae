"""Reading deployment values: where a worker task runs and what it gets.

Each value is looked up in this order: the task's ``executor_config``, the command line, ``[ductwork]`` in Airflow's
configuration, else a ``${Substitution}`` that CloudFormation fills.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import fields
from typing import Any, TypeVar

from ductwork.contracts.batch_shapes import SUBMIT_JOB, mismatches
from ductwork.deployment import value_forms
from ductwork.diagnostics import Diagnostic, Diagnostics, Origin
from ductwork.ir import Deployment

SUBSTITUTED = Deployment(job_queue="${JobQueue}", job_definition="${JobDefinition}", ledger_table="${LedgerTable}")

# Of who says nothing.
NOTHING = Deployment()

_Value = TypeVar("_Value")
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
        """The sizes of Airflow's pools, which DAG files do not contain: ``name=slots, ...``."""
        return self._table("pools", text, value_forms.pools)

    def queues(self, text: str) -> dict[str, str]:
        """Batch's job queues by the names of Airflow's queues: ``name=job queue, ...``."""
        return self._table("queues", text, value_forms.queues)

    def _table(self, key: str, text: str, read: Callable[[str], dict[str, _Value]]) -> dict[str, _Value]:
        try:
            return read(text)
        except ValueError as error:
            self._illegal(key, str(error))
            return {}

    def executor_config(self, config: object) -> Deployment:
        """The values of a task's ``executor_config``: of its ``ductwork`` part, then SubmitJob arguments of Airflow's
        ``AwsBatchExecutor``. Anything but a dictionary says nothing.
        """
        if not config or not isinstance(config, Mapping):
            return NOTHING
        section = config.get("ductwork") or {}
        if not isinstance(section, Mapping):
            self._illegal("executor_config", f"executor_config['ductwork'] is not a dictionary but {section!r}")
            section = {}
        spelled = self._from_submit_job({key: value for key, value in config.items() if key != "ductwork"})
        # Both may give variables of the environment; what is under "ductwork" wins.
        return merge(self.values(self._from_submit_job(section, also=_KEYS)), self.values(spelled))

    def _from_submit_job(self, config: Mapping[str, Any], also: Set[str] = frozenset()) -> dict[str, object]:
        values: dict[str, Any] = {}
        for key, value in config.items():
            if key in also:
                values[key] = value
            elif key in _SUBMIT_JOB:
                values[_SUBMIT_JOB[key]] = value
            elif key in {"timeout", "containerOverrides"}:
                misshapen = [what for _, what in mismatches(value, SUBMIT_JOB[key], key)]
                for what in misshapen:
                    self._illegal(key, what)
                if not misshapen:
                    values.update(self._from_overrides(value) if key == "containerOverrides" else _timeout(value))
            elif key not in OTHER_EXECUTORS:
                self._unknown(key, "executor_config")
        return values

    def _from_overrides(self, overrides: Mapping[str, Any]) -> dict[str, object]:
        values: dict[str, Any] = {}
        for key, value in overrides.items():
            if key == "environment":
                values["environment"] = {item.get("name"): item.get("value") for item in value}
            elif key == "resourceRequirements":
                for need in value:
                    if need.get("type") in _RESOURCES:
                        values[_RESOURCES[need["type"]]] = need.get("value")
            elif key in {"vcpus", "memory"}:
                values[key] = value
            else:
                self._unknown(f"containerOverrides.{key}", "executor_config")
        return values

    def values(self, values: Mapping[str, object]) -> Deployment:
        """The values that are sound; the others are reported.

        :param values: by the names of :class:`Deployment`'s fields; None is passed over
        """
        good: dict[str, Any] = {}
        for name, value in values.items():
            if name not in _KEYS:
                self._unknown(name, "[ductwork]")
            elif value is not None:
                try:
                    good[name] = value_forms.CHECKS[name](value)
                except (ValueError, TypeError) as error:
                    # The value of a variable may be a secret.
                    shown = name if name in _UNITED else f"{name} = {value!r}"
                    self._illegal(name, f"{shown}: {error}")
        if good.keys() >= {"image", "job_definition"}:
            self._illegal("image", "image and job_definition both say what a worker runs: give one of them")
        return Deployment(**good)

    def _unknown(self, key: str, place: str) -> None:
        what = f"{key!r} in {place} is not a deployment value"
        hint = f"known: {', '.join(sorted(_KEYS))}; in executor_config also SubmitJob's {', '.join(_SUBMIT_JOB)}"
        self._diagnostics.add("DW202", self._origin, what, hint, field=key, **self._about)

    def _illegal(self, name: str, what: str) -> None:
        variable = f"AIRFLOW__DUCTWORK__{name.upper()}"
        hint = f"correct it in executor_config, on the command line, in [ductwork] of airflow.cfg or in {variable}"
        self._diagnostics.add("DW201", self._origin, what, hint, field=name, **self._about)


def _timeout(value: Mapping[str, object]) -> dict[str, object]:
    return {"timeout": value.get("attemptDurationSeconds")}


_UNITED = {"environment", "tags", "secrets", "volumes"}


def merge(*deployments: Deployment) -> Deployment:
    """The first deployment's values, gaps filled from the next; dictionaries and sets are united.

    An image stands for a job definition: the nearest that names either has said what a worker runs.
    """
    said = [each for each in deployments if each is not NOTHING]
    if len(said) < 2:
        return said[0] if said else NOTHING
    return _merged(said)


def _merged(deployments: Sequence[Deployment]) -> Deployment:
    merged: dict[str, Any] = {}
    runs = next((each for each in deployments if each.image or each.job_definition), NOTHING)
    for item in fields(Deployment):
        values = [getattr(deployment, item.name) for deployment in deployments]
        if item.name in _UNITED:
            merged[item.name] = {key: value for part in reversed(values) for key, value in part.items()}
        elif item.name in {"image", "job_definition"}:
            merged[item.name] = getattr(runs, item.name)
        elif item.name == "ignore":
            merged[item.name] = frozenset().union(*values)
        else:
            merged[item.name] = next((value for value in values if value is not None), None)
    return Deployment(**merged)


# Findings about a container operator's argument that the author may take note of.
_IGNORABLE = {"DW402", "DW404", "DW406"}


def answers(values: Deployment, finding: Diagnostic) -> bool:
    """Whether deployment values answer a finding about an argument of a container operator."""
    answered = set(values.ignore)
    if values.job_role:
        answered.add("service_account_name")
    if values.registry_credentials:
        answered |= {"docker_conn_id", "image_pull_secrets"}
    if values.container_image and (finding.code, finding.field) == ("DW407", "image"):
        return True
    return finding.code in _IGNORABLE and finding.field in answered
