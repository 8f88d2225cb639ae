"""The jobs of a chain that a state machine has submitted, written down as if their submitter had claimed them.

Mirror and restarts know a chain's jobs by their claims. A machine makes none; its history has all that is in one: the
request of each job as it was sent, and the id that Batch gave it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError
from botocore.model import ListShape, Shape, StructureShape
from ductwork.contracts.aws_names import JOB_NAME
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.names import state_name
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_facts import jobs

from ductwork_airflow.aws.errors import EXECUTION_UNKNOWN, SubmissionError, code
from ductwork_airflow.mirror.execution_history import SUBMIT, Events
from ductwork_airflow.run_model.connection import Connection
from ductwork_airflow.submit.claims import Claims, Job
from ductwork_airflow.submit.job_lookup import ids_of
from ductwork_airflow.trigger_rules import no_instance

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import SubmitJobRequestTypeDef
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

# What Step Functions adds to the environment of a job that it waits for.
_OF_STEP_FUNCTIONS = "MANAGED_BY_AWS"
_SCHEDULED, _SUBMITTED = "TaskScheduled", {"TaskSubmitted", "TaskSucceeded"}


@dataclass
class _Sent:
    """A request for a job, as the execution's history has it.

    :param position: the event with which the state was entered
    :param request: SubmitJob as Step Functions spells it
    """

    state: str
    position: int
    request: JsonObject


@dataclass
class Adoption:
    """Reads an execution's history from where it stopped, and claims the jobs it finds there.

    :param run: the item of a run that an execution has submitted, and no restart
    """

    aws: Connection
    run: RunItem
    _events: Events = field(init=False)
    _entered: dict[int, tuple[str, int]] = field(default_factory=dict)
    _sent: dict[int, _Sent] = field(default_factory=dict)
    _unanswered: dict[str, _Sent] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _found: list[tuple[Job, str]] = field(default_factory=list)
    _known: set[str] | None = None

    def __post_init__(self) -> None:
        self._events = Events(self.run["execution_arn"])
        self._group_of = {
            facts["job"]: facts["group"]
            for facts in self.run["tasks"].values()
            if {"job", "group"} <= facts.keys() and facts.get("size", 0) > 1
        }
        # A join's state has the name of its job.
        task_by_job_name = jobs(self.run["tasks"])
        self._job_of = {state_name(task_id): job for job, task_id in task_by_job_name.items()}

    def take_in(self, *, final: bool = False) -> None:
        """Claim what has been submitted since the last call.

        :param final: the execution has ended: a request without an answer in its history may have made a job all the
            same
        :raises ClientError: AWS does not answer, or has forgotten the execution
        """
        for event in self._events.fresh(self.aws.stepfunctions):
            self._take(event)
        for sent in list(self._unanswered.values()) if final else ():
            for job_id in ids_of(self.aws.batch, str(sent.request["JobQueue"]), str(sent.request["JobName"]))[:1]:
                self._submitted(sent, job_id)
        claims = Claims(self.aws.ledger, self.run["dag_id"], self.run["run_id"])
        if self._found and self._known is None:
            self._known = {claim["name"] for claim in claims.all()}
        while self._found:
            job, job_id = self._found[0]
            if job.name not in (self._known or ()):
                claims.adopt(job, job_id)
            self._found.pop(0)

    @property
    def is_complete(self) -> bool:
        """Whether all jobs of the chain that run a task in this run have been submitted."""
        return _wanted(self.run) <= set(self._names.values())

    def _take(self, event: HistoryEventTypeDef) -> None:
        kind, here, before = event["type"], event["id"], event.get("previousEventId", 0)
        if kind == "TaskStateEntered":
            self._entered[here] = event["stateEnteredEventDetails"]["name"], here
            return
        # Events of a state name the one before them, back to the state's entry, whatever its siblings do.
        entered = self._entered.pop(before, None)
        sent = self._sent.pop(before, None)
        if entered is None or kind == "TaskStateExited":
            return
        self._entered[here] = entered
        if kind == _SCHEDULED:
            scheduled = event["taskScheduledEventDetails"]
            if scheduled["resource"].startswith(SUBMIT) and self._name(entered[0]):
                self._sent[here] = _Sent(*entered, json.loads(scheduled["parameters"]))
                self._unanswered[entered[0]] = self._sent[here]
        elif sent is not None and kind in _SUBMITTED:
            details = event.get("taskSubmittedEventDetails") or event["taskSucceededEventDetails"]
            self._submitted(sent, str(json.loads(details["output"])["JobId"]))
        elif sent is not None and kind == "TaskFailed":
            self._unanswered.pop(sent.state, None)
        elif sent is not None:
            self._sent[here] = sent

    def _name(self, state: str) -> str | None:
        return self._job_of.get(state) or (state if JOB_NAME.fullmatch(state) else None)

    def _submitted(self, sent: _Sent, job_id: str) -> None:
        self._unanswered.pop(sent.state, None)
        name = str(self._name(sent.state))
        shape = self.aws.batch.meta.service_model.operation_model("SubmitJob").input_shape
        request = cast("SubmitJobRequestTypeDef", _as_boto(sent.request, shape))
        above = tuple(self._names[each["jobId"]] for each in request.pop("dependsOn", ()))
        _strip(request)
        self._names[job_id] = name
        group = self._group_of.get(name, "")
        self._found.append((Job(name, above, {**request, "jobName": name}, sent.position, group), job_id))


def _strip(request: SubmitJobRequestTypeDef) -> None:
    """Take out what Step Functions has added, and the places it has made for that."""
    overrides = request.get("containerOverrides", {})
    own = [each for each in overrides.pop("environment", ()) if each["name"] != _OF_STEP_FUNCTIONS]
    if own:
        overrides["environment"] = own
    if not overrides:
        request.pop("containerOverrides", None)


def adopt_all(aws: Connection, run: RunItem) -> None:
    """Claim all jobs of a run that has ended, before it is restarted.

    :raises SubmissionError: they were never all submitted, or nobody knows any more what was
    """
    wanted = _wanted(run)
    known = set(_claimed(aws, run))
    if wanted <= known:
        return
    why = "its execution broke before it had submitted them all"
    try:
        Adoption(aws, run).take_in(final=True)
        known = set(_claimed(aws, run))
    except ClientError as error:
        if code(error) != EXECUTION_UNKNOWN:
            raise
        why = "AWS no longer knows its execution, and nobody looked while the run went on"
    if missing := wanted - known:
        raise SubmissionError(
            f"run {run['run_id']!r} cannot be restarted: of {len(missing)} of its {len(wanted)} jobs the requests are "
            f"not known, for {why}. Start it again under another run id"
        )


def _wanted(run: RunItem) -> set[str]:
    """The names of the jobs that run a task; those of which the run makes no instance have none."""
    return set(no_instance.task_by_job_name(run["tasks"]))


def _claimed(aws: Connection, run: RunItem) -> Iterator[str]:
    return (str(claim["name"]) for claim in Claims(aws.ledger, run["dag_id"], run["run_id"]).all())


def _as_boto(value: object, shape: Shape | None) -> object:
    """What Step Functions spells with capital letters as botocore does; the keys of maps are the user's."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {member.lower(): member for member in shape.members}
        named = ((members[key.lower()], inner) for key, inner in value.items())
        return {member: _as_boto(inner, shape.members[member]) for member, inner in named}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_as_boto(inner, shape.member) for inner in value]
    return value
