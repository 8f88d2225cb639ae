"""Which remote run a task of Airflow is attached to: what makes tries, lost workers and Clear safe.

XComs do not survive a retry, so the attachment is an item of the ledger, keyed by the task instance in Airflow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError
from ductwork.ledger_schema import submitter_key

from ductwork_airflow.ledger import Ledger, expiry
from ductwork_airflow.submit.remote import RunHandle


@dataclass(frozen=True)
class Attachment:
    """
    :param max_tries: Airflow's at that time. Clear changes it and nothing else does, which tells Clear from a retry
    :param killed: the task was killed and has stopped the run
    """

    handle: RunHandle
    max_tries: int
    killed: bool = False


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
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
        if item is None:
            return None
        return Attachment(RunHandle.from_dict(json.loads(item["handle"])), int(item["max_tries"]), bool(item["killed"]))

    def write(self, attachment: Attachment) -> None:
        attributes = {
            "handle": json.dumps(attachment.handle.as_dict()),
            "max_tries": attachment.max_tries,
            "killed": attachment.killed,
            "expires_at": expiry(),
        }
        self._ledger.put(self._pk, self._sk, attributes)

    def mark_killed(self, handle: RunHandle, max_tries: int | None = None) -> None:
        """Remember that this task stopped the run, unless it has been attached to a newer execution since.

        :param max_tries: Airflow's, where the task may have been killed in the midst of submitting, not attached yet
        """
        known = self.read()
        if known is None and max_tries is not None:
            known = Attachment(handle, max_tries)
        if known is not None and known.handle == handle:
            self.write(replace(known, killed=True))


def key_of(ti: Any) -> tuple[str, str]:
    """
    :param ti: a task instance of Airflow
    """
    return submitter_key(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)


def attach(
    attachments: Attachments,
    max_tries: int,
    *,
    run_id: str,
    submit: Callable[[], RunHandle],
    state: Callable[[Attachment], str],
    restart: Callable[[RunHandle], RunHandle],
) -> tuple[RunHandle, str]:
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

    :param max_tries: of the task instance now
    :param state: looks at the run; where this task has stopped it, until it has ended
    :return: the run's handle and ``submitted``, ``attached`` or ``restarted``
    """
    known = attachments.read()
    if known is None or known.handle.run_id != run_id:
        handle = submit()
        attachments.write(Attachment(handle, max_tries))
        return handle, "submitted"
    cleared = known.max_tries != max_tries
    if (cleared or known.killed) and state(known) == "failed":
        if known.killed and known.handle.target == "batch":
            # Perhaps in the midst of its submission. In a run that has ended this starts nothing, but a restart needs
            # to know what was still to be sent.
            submit()
        handle = restart(known.handle)
        attachments.write(Attachment(handle, max_tries))
        return handle, "restarted"
    if cleared or known.killed:
        attachments.write(Attachment(known.handle, max_tries))
    return known.handle, "attached"
