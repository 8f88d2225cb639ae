"""The job chain that the Batch back end has made, as the states that submit it want it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ductwork.contracts import task_facts
from ductwork.contracts.aws_names import JOB_NAME_LIMIT
from ductwork.contracts.job_chain import JobChain
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.names import shorten, state_name
from ductwork.contracts.task_facts import Facts
from ductwork.ir import Concat, RunValue, Text

# The values of a run that a chain's requests may name, as its submitter fills them in.
_RUN_VALUES = {"run_id", "run_hash", "region", "ds", "ds_nodash", "ts", "ts_nodash"}
_PLACE = re.compile(r"\$\{run:(\w+)\}")
# "-" and the run's hash.
_SUFFIX = 9


@dataclass(frozen=True)
class Job:
    """A job of the chain, as the state that submits it needs it.

    :param state: the name of the state that submits it: its task's id, or for a join the job's name
    :param variable: which has its id once it is submitted
    :param above: the variables of the jobs it depends on, and of those the ones it depends on child by child
    :param request: SubmitJob in boto3's spelling, but for ``dependsOn``; leaves may be :class:`ductwork.ir.Expr`
    :param is_sink: no other job depends on it
    """

    state: str
    variable: str
    above: tuple[tuple[str, bool], ...]
    request: Mapping[str, Any]
    is_sink: bool


@dataclass(frozen=True)
class Model:
    """A job chain, as the states of its machine are made of it.

    :param jobs: in topological order
    :param tasks: the manifest's facts by task id
    """

    jobs: tuple[Job, ...]
    tasks: Facts

    @classmethod
    def of(cls, chain: JobChain) -> Model:
        """Read a chain's document: each job gets a state and a variable.

        :param chain: a job chain document
        """
        tasks = chain["manifest"]["tasks"]
        task_of = task_facts.jobs(tasks)
        variables = {job["name"]: f"job_{number}" for number, job in enumerate(chain["jobs"])}
        groups = {job["name"]: job.get("group", "") for job in chain["jobs"]}
        above = {up for job in chain["jobs"] for up in job["depends_on"]}
        return cls(
            tuple(
                Job(
                    state_name(task_of.get(job["name"], job["name"])),
                    variables[job["name"]],
                    tuple((variables[up], groups[up] == job.get("group")) for up in job["depends_on"]),
                    _request(job["submit"]),
                    job["name"] not in above,
                )
                for job in chain["jobs"]
            ),
            tasks,
        )

    @property
    def submitted(self) -> tuple[Job, ...]:
        """The jobs that are submitted, no more: others depend on them."""
        return tuple(job for job in self.jobs if not job.is_sink)

    @property
    def sizes(self) -> dict[str, int]:
        """How many instances the mapped tasks have that have any."""
        return {task_id: facts["size"] for task_id, facts in self.tasks.items() if facts.get("size")}

    @property
    def sinks(self) -> tuple[Job, ...]:
        return tuple(job for job in self.jobs if job.is_sink)

    @property
    def may_end_early(self) -> bool:
        """Whether all sinks may have ended while other jobs go on: Batch ends a job as soon as one that it depends on
        has failed, whatever the others are doing."""
        return any(len(job.above) > 1 for job in self.jobs)

    @property
    def has_quiet(self) -> bool:
        """Whether a job may end well whose task has failed."""
        return any(facts.get("quiet") for facts in self.tasks.values())

    @property
    def is_plain(self) -> bool:
        """Whether the jobs' ends are the tasks': no worker, and nothing that runs, or would, after a failure."""
        return all(facts.get("native") if "job" in facts else "rule" not in facts for facts in self.tasks.values())

    @property
    def has_silent(self) -> bool:
        """Whether there are tasks that no worker records."""
        return any("job" not in facts or facts.get("native") for facts in self.tasks.values())


def _request(submit: JsonObject) -> dict[str, Any]:
    """With the name that the job has in this run alone, as the submitter of a chain makes it."""
    request = {key: _value(value) for key, value in submit.items()}
    name = shorten(str(submit["jobName"]), JOB_NAME_LIMIT - _SUFFIX)
    return request | {"jobName": Concat((Text(f"{name}-"), RunValue("run_hash")))}


def _value(value: Any) -> Any:
    """A part of a request, its places ``${run:NAME}`` as expressions."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {key: _value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_value(inner) for inner in value]
    return value


def _text(value: str) -> str | Concat:
    parts: list[Text | RunValue] = []
    for number, piece in enumerate(_PLACE.split(value)):
        if number % 2:
            parts.append(RunValue(piece) if piece in _RUN_VALUES else Text(f"${{run:{piece}}}"))
        elif piece:
            parts.append(Text(piece))
    return Concat(tuple(parts)) if any(isinstance(part, RunValue) for part in parts) else value
