"""Which remote run a task of Airflow is attached to: what makes tries, lost workers and Clear safe.

XComs do not survive a retry, so the attachment is an item of the ledger, keyed by the task instance in Airflow. It is
written before anything is sent, so a run that is found without it belongs to another task or Airflow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from ductwork.contracts.ledger import submitter_key
from ductwork.contracts.run_item import RunItem

from ductwork_airflow.aws.errors import NOT_FOUND, SubmissionError, code
from ductwork_airflow.ledger import Ledger, expiry, moment
from ductwork_airflow.run_model.handle import RunHandle

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import DagRunProtocol, TaskInstance


@dataclass(frozen=True)
class DagRun:
    """A DAG run of Airflow, as distinct from one with the same id, made after it was deleted or by another Airflow.

    Airflow's own key of it reaches no task, and the ids of task instances change with each try. When it began changes
    with Clear alone, which is counted. What stays is from when on it was to run: for a run that somebody or an asset
    has triggered, the moment that it was made. A scheduled one has the same when it is made again.

    :param started_at: ISO 8601; None where Airflow does not say
    :param clears: how often it has been cleared
    :param run_after: ISO 8601; None where Airflow does not say, or an earlier version has attached the task
    """

    started_at: str | None = None
    clears: int = 0
    run_after: str | None = None

    @classmethod
    def of(cls, dag_run: DagRunProtocol) -> DagRun:
        """From Airflow's own DAG run.

        :param dag_run: of Airflow, from a task's context
        """
        clears = int(getattr(dag_run, "clear_number", None) or 0)
        return cls(_text(getattr(dag_run, "start_date", None)), clears, _text(getattr(dag_run, "run_after", None)))

    def continues(self, earlier: DagRun | None) -> bool:
        """Whether it is the DAG run that was seen as ``earlier``, perhaps cleared since; what is not known may be."""
        if earlier is None or _differ(self.run_after, earlier.run_after):
            return False
        return not _differ(self.started_at, earlier.started_at) or self.clears > earlier.clears


def _text(date: datetime | None) -> str | None:
    return date.isoformat() if date else None


def _differ(one: str | None, other: str | None) -> bool:
    """Whether two values are known and not the same."""
    return None not in (one, other) and one != other


@dataclass(frozen=True)
class Try:
    """One start of a task in Airflow. Within one DAG run no number comes twice.

    :param max_tries: only Clear changes it, so it distinguishes Clear from a retry
    """

    dag_run: DagRun
    number: int
    max_tries: int

    @classmethod
    def of(cls, context: Context) -> Try:
        """The try that is running.

        :param context: of a task of Airflow
        """
        ti = context["ti"]
        return cls(DagRun.of(context["dag_run"]), ti.try_number, ti.max_tries)


@dataclass(frozen=True)
class Attachment:
    """Which run a submitting task belongs to, as the ledger keeps it.

    :param max_tries: of the try that was attached last, as are ``try_number`` and ``dag_run``
    :param killed: the task was killed and has stopped the run
    :param begun: the run has been sent to its end; before, the next try does so
    :param replaces: ``ended_at`` of the run as it was before this task, to which it is nothing, has it run again
    :param refused: another DAG run of this id, which the run does not belong to either, and which was refused
    """

    handle: RunHandle
    max_tries: int
    killed: bool = False
    try_number: int = 0
    dag_run: DagRun = DagRun()
    begun: bool = True
    replaces: str | None = None
    refused: DagRun | None = None

    def is_of(self, dag_run: DagRun) -> bool:
        """Whether it was made for this DAG run, and not for another one with the same id."""
        if dag_run.started_at != self.dag_run.started_at and dag_run.continues(self.refused):
            return False
        return dag_run.continues(self.dag_run)

    def precedes(self, now: Try) -> bool:
        """Whether a task that starts is the one that was attached."""
        return now.number > self.try_number and self.is_of(now.dag_run)


class Attachments:
    """The attachment of one task instance.

    :param key: :func:`key_of` the submitting task instance
    """

    def __init__(self, ledger: Ledger, key: Sequence[str]) -> None:
        self._ledger = ledger
        self._pk, self._sk = key

    def read(self) -> Attachment | None:
        """None too where the ledger's table does not exist yet."""
        try:
            item = self._ledger.get(self._pk, self._sk)
        except ClientError as error:
            if code(error) == NOT_FOUND:
                return None
            raise
        if item is None:
            return None
        return Attachment(
            dag_run=_dag_run(item.get("dag_run")) or DagRun(),
            refused=_dag_run(item.get("refused")),
            handle=RunHandle.from_dict(json.loads(item["handle"])),
            max_tries=int(item["max_tries"]),
            killed=bool(item["killed"]),
            try_number=int(item.get("try_number", 0)),
            begun=bool(item.get("begun", True)),
            replaces=item.get("replaces"),
        )

    def write(self, attachment: Attachment) -> None:
        """Replace what the ledger has."""
        attributes = {
            "handle": json.dumps(attachment.handle.as_dict()),
            "max_tries": attachment.max_tries,
            "killed": attachment.killed,
            "try_number": attachment.try_number,
            "dag_run": json.dumps(asdict(attachment.dag_run)),
            "begun": attachment.begun,
            "replaces": attachment.replaces,
            "refused": attachment.refused and json.dumps(asdict(attachment.refused)),
            "expires_at": expiry(),
        }
        self._ledger.put(self._pk, self._sk, attributes)

    def mark_killed(self, handle: RunHandle) -> None:
        """Remember that this task stopped the run, unless it has been attached to a newer execution since."""
        attachment = self.read()
        if attachment is not None and attachment.handle == handle:
            self.write(replace(attachment, killed=True))


def _dag_run(text: str | None) -> DagRun | None:
    return DagRun(**json.loads(text)) if text else None


def key_of(ti: TaskInstance) -> tuple[str, str]:
    """The primary key of a submitting task's attachment in the ledger.

    :param ti: a task instance of Airflow
    """
    return submitter_key(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)


@dataclass(frozen=True)
class Remote:
    """What can be done with the remote run of a task.

    :param find: its handle, and its item in the ledger if there is one, true to AWS
    :param submit: start it, or complete a submission that has begun
    :param state: of the run; where this task has stopped it, once it has ended
    :param restart: run what is not done again
    :param run_again: run everything again, of a run whose ``ended_at`` is still this
    """

    find: Callable[[], tuple[RunHandle, RunItem | None]]
    submit: Callable[[], RunHandle]
    state: Callable[[Attachment], str]
    restart: Callable[[RunHandle], RunHandle]
    run_again: Callable[[str], RunHandle]


def attach(attachments: Attachments, now: Try, run_id: str, remote: Remote) -> tuple[RunHandle, str]:
    """Find this task's run, or start it. Whatever happens to the task, there is one remote run.

    =================================  ==========================  ==============================================
    the remote run                     this try comes after        what happens
    =================================  ==========================  ==============================================
    does not exist                     anything                    submit (idempotent: a half-done submission,
                                                                   of a worker that died in it, is completed)
    running                            anything                    re-attach
    success                            anything                    re-attach; success is reported at once
    failed, because this task was      anything (timeout,          restart of what is not done
    killed and stopped it              eviction)
    failed                             Clear                       restart of what is not done
    failed                             a retry (the worker was     re-attach; the failure is reported
                                       lost before reporting)
    =================================  ==========================  ==============================================

    A restart is a new execution of the same run, under the same run id: what has succeeded is not run again.

    A run of this id that this DAG run has not started (it was deleted in Airflow and made again, or another task or
    another Airflow has the same ledger) is nothing to it. If it ended before the DAG run began, everything runs again
    as a new round of it; else this is refused.

    :return: the run's handle and ``submitted``, ``attached`` or ``restarted``
    :raises SubmissionError: the run belongs to another task or Airflow, which may still need it
    """
    attachment = attachments.read()
    if attachment is None or attachment.handle.run_id != run_id or not attachment.precedes(now):
        attachment = _attach_new(attachments, attachment, now, remote)
    how = "attached"
    if not attachment.begun:
        how = "restarted" if attachment.replaces else "submitted"
        handle = remote.run_again(attachment.replaces) if attachment.replaces else remote.submit()
        attachment = replace(attachment, handle=handle, begun=True, replaces=None)
        attachments.write(attachment)
    again = attachment.killed or attachment.max_tries != now.max_tries
    if again and remote.state(attachment) == "failed":
        attachment, how = replace(attachment, handle=remote.restart(attachment.handle)), "restarted"
    attached = replace(attachment, max_tries=now.max_tries, killed=False, try_number=now.number, dag_run=now.dag_run)
    if attached != attachment:
        attachments.write(attached)
    return attached.handle, how


def _attach_new(attachments: Attachments, earlier: Attachment | None, now: Try, remote: Remote) -> Attachment:
    """Attach the task to a run before it is sent.

    :param earlier: what was attached, by another task or an earlier try
    """
    handle, run = remote.find()
    if run is not None and not _is_past(run, now.dag_run):
        if earlier is not None:
            attachments.write(replace(earlier, refused=now.dag_run))
        raise SubmissionError(_not_ours(handle, run, now.dag_run))
    ended_at = None if run is None else str(run["ended_at"])
    new = Attachment(handle, now.max_tries, False, now.number, now.dag_run, begun=False, replaces=ended_at)
    attachments.write(new)
    return new


def _is_past(run: RunItem, dag_run: DagRun) -> bool:
    """Whether a run had ended when a DAG run began."""
    if "ended_at" not in run or dag_run.started_at is None:
        return False
    return moment(run["ended_at"]) <= moment(dag_run.started_at)


def _not_ours(handle: RunHandle, run: RunItem, dag_run: DagRun) -> str:
    how = f"ended at {run['ended_at']}, after it began ({dag_run.started_at})" if "ended_at" in run else "goes on"
    return (
        f"run {handle.run_id!r} of DAG {handle.dag_id!r} in ledger {handle.ledger_table!r} was not started by this DAG "
        f"run, and {how}. If the DAG run was deleted in Airflow and made again: once the run has ended (to stop it: "
        f"ductwork cancel {handle.dag_id} '{handle.run_id}'), clear this task, and everything runs again. If another "
        "task, or another Airflow with the same DAG, has started it: give this one a ledger_table ([ductwork] "
        "ledger_table), or the task a remote_run_id, of its own"
    )
