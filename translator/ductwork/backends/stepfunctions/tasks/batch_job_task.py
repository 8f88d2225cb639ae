"""A Batch job of the author's own, which the machine submits as it is and records itself.

``Push <task>``     its job id becomes its return value
"""

from __future__ import annotations

from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Node,
    Regex,
    Value,
    Variable,
    call,
    exists,
    joined,
    text_of,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import ENTERED, ERROR, INPUT, RESULT
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.ledger_writes import END_OF_JOB, NOW
from ductwork.backends.stepfunctions.tasks.job_task import TRY, JobTask
from ductwork.ir import BatchJob

# A job that was only submitted has not started.
_STARTED_AT = RESULT.field("StartedAt")
_STARTED = when(exists(_STARTED_AT), call("fromMillis", _STARTED_AT), ENTERED)
# The cause of a failed job is JSON text that may have been cut off, so it is searched, not parsed.
_FOUND = Variable("found")
_FAILED_JOB = Block(
    (
        Bind(_FOUND, call("match", text_of(ERROR.field("Cause")), Regex('"JobId": *"([^"]+)"'))),
        when(exists(_FOUND), _FOUND.at(0).field("groups").at(0), ""),
    )
)


class BatchJobTask(JobTask[BatchJob]):
    """The states of a :class:`ductwork.ir.BatchJob`."""

    ending = END_OF_JOB

    def _own(self) -> States:
        work, recorded = self._work, self._record_name
        value = {"state": "success", "try": TRY, "job": RESULT.field("JobId"), "start": _STARTED}
        states: States = {
            self.name: {
                "Type": "Task",
                "Resource": integrations.SUBMIT_JOB_AND_WAIT if work.wait else integrations.SUBMIT_JOB,
                "Arguments": integrations.arguments(dict(work.request)),
                "Output": self._carrying(value),
                "Retry": integrations.job_retry(self._task.retry),
                "Catch": self._catch(job=_FAILED_JOB),
                "Next": self._push_name if work.push_job_id else recorded,
            }
        }
        if work.push_job_id:
            # A job id is a UUID: quoted, it is its own JSON text.
            job_id = joined('"', INPUT.field(self._task.task_id, "job"), '"')
            states[self._push_name] = self._push(job_id, recorded)
        return states

    def _unrecorded(self) -> State:
        # "" is a job that was never submitted.
        return {"job": "", "start": NOW}

    def _end(self, mine: Node) -> Value:
        return self._writes.end_native(mine)

    def _callback_variables(self) -> dict[str, Value]:
        # No worker has written down which try it was.
        tried = text_of(INPUT.field(self._task.task_id, "try"))
        return {**super()._callback_variables(), "DUCTWORK_TRY_NUMBER": tried}

    @property
    def _done(self) -> list[Node]:
        return self._done_without_worker
