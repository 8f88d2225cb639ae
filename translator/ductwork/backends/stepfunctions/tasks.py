"""The states of one task.

``Run <task>?``     a Choice: a restart passes over what is done; the outcomes of direct upstream tasks may divert it
``<task>``          the task itself
``Record <task>``   ends the task in the ledger when no worker has: it was diverted, its container died, or it is native

The happy path of a worker task is two transitions. Without the restart guard (``--no-restart``) the Choice is left out
where nothing can divert the task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import integrations, jsonata, outcomes
from ductwork.ir import BatchJob, Concat, Instant, RunValue, Task, Text, Worker, Workflow
from ductwork.ledger_schema import task_sk, xcom_sk
from ductwork.names import STATE_NAME_LIMIT, job_name, shorten

State = dict[str, Any]

_NOW = jsonata.expression("$states.context.State.EnteredTime")
_TRY = jsonata.expression("$states.context.State.RetryCount + 1")
_EXPIRES = jsonata.expression("$run.expires")
# A job that was only submitted has not started.
_STARTED = jsonata.expression(
    "$exists($states.result.StartedAt) ? $fromMillis($states.result.StartedAt) : $states.context.State.EnteredTime"
)
# The cause of a failed job is JSON text that may have been cut off, so it is searched, not parsed.
_FAILED_JOB = jsonata.expression(
    '( $found := $match($string($states.errorOutput.Cause), /"JobId": *"([^"]+)"/);'
    " $exists($found) ? $found[0].groups[0] : '' )"
)
# No item has it.
_NO_ATTRIBUTE = "none"
# "-" and the eight characters of the run's hash are added at run time.
_JOB_NAME_ROOM = 128 - 9


class TaskStates:
    """
    :param diverting: the task may be diverted: an upstream task can end in something else than success
    :param kept: outcomes of earlier tasks that states after this task still read
    :param after: the name of the state that follows, None at the end of a branch
    """

    def __init__(
        self, workflow: Workflow, task: Task, *, diverting: bool, kept: Sequence[str], needed: bool, after: str | None
    ) -> None:
        self._workflow = workflow
        self._task = task
        self._diverting = diverting
        self._kept = kept
        self._needed = needed
        self._next: State = {"End": True} if after is None else {"Next": after}
        self._ends = after is None
        self.name = shorten(task.task_id, STATE_NAME_LIMIT)
        self._record_name = shorten(f"Record {task.task_id}", STATE_NAME_LIMIT)
        self._choice_name = shorten(f"Run {task.task_id}?", STATE_NAME_LIMIT)
        self._push_name = shorten(f"Push {task.task_id}", STATE_NAME_LIMIT)

    def build(self) -> tuple[str, dict[str, State]]:
        """The name of the first state, and all states by name, in reading order."""
        work = self._task.work
        if isinstance(work, Instant):
            return self.name, {self.name: self._instant()}
        states: dict[str, State] = {}
        if self._diverting or self._workflow.restartable:
            states[self._choice_name] = self._choice()
        states |= self._worker() if isinstance(work, Worker) else self._batch_job(work)
        states[self._record_name] = self._record()
        return next(iter(states)), states

    # ---- the outcome in the state data ----

    def _output(self, value: Any) -> Any:
        own = {self._task.task_id: value} if self._needed else {}
        return outcomes.carry(self._kept, own, exactly=self._ends)

    def _to_record(self, state: Any, try_number: Any, **facts: str) -> Any:
        """State data on the way to ``Record``: everything as it was, and how the task ended."""
        value = {"state": state, "try": try_number}
        if isinstance(self._task.work, BatchJob):
            # No worker tells the ledger of this job; "" is a job that was never submitted.
            value |= {"job": "", "start": _NOW, **facts}
        return outcomes.carry(self._kept, {self._task.task_id: value}, exactly=False)

    # ---- states ----

    def _choice(self) -> State:
        upstream = self._task.upstream
        rules: list[tuple[str, str]] = []
        if self._workflow.restartable:
            done = f"$lookup($run.done, {jsonata.text(self._task.task_id)})"
            rules.append((jsonata.expression(done), f"$exists({done})"))
        if self._diverting:
            rules.append(("upstream_failed", outcomes.failed_above(upstream)))
            rules.append(("skipped", outcomes.skipped_above(upstream)))
        return {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": jsonata.expression(condition),
                    "Output": self._to_record(state, 0),
                    "Next": self._record_name,
                }
                for state, condition in rules
            ],
            "Default": self.name,
        }

    def _worker(self) -> dict[str, State]:
        request = worker_job.request(self._workflow, self._task)
        token = {"name": "DUCTWORK_TASK_TOKEN", "value": jsonata.expression("$states.context.Task.Token")}
        request["containerOverrides"]["environment"].append(token)
        return {
            self.name: {
                "Type": "Task",
                "Resource": integrations.SUBMIT_JOB_AND_WAIT,
                "Arguments": self._submit_arguments(request),
                "Output": self._output("{% $states.result.state %}"),
                "Retry": integrations.job_retry(self._task.retry),
                "Catch": self._catch(),
                **self._next,
            }
        }

    def _batch_job(self, work: BatchJob) -> dict[str, State]:
        recorded = self._record_name
        first = self._push_name if work.push_job_id else recorded
        value = {"state": "success", "try": _TRY, "job": jsonata.expression("$states.result.JobId"), "start": _STARTED}
        states: dict[str, State] = {
            self.name: {
                "Type": "Task",
                "Resource": integrations.SUBMIT_JOB_AND_WAIT if work.wait else integrations.SUBMIT_JOB,
                "Arguments": integrations.pascal(jsonata.leaves(dict(work.request))),
                "Output": outcomes.carry(self._kept, {self._task.task_id: value}, exactly=False),
                "Retry": integrations.job_retry(self._task.retry),
                "Catch": self._catch(job=_FAILED_JOB),
                "Next": first,
            }
        }
        if work.push_job_id:
            states[self._push_name] = self._push(recorded)
        return states

    def _submit_arguments(self, request: dict[str, Any]) -> Any:
        name = job_name(self._workflow.dag_id, self._task.task_id, _JOB_NAME_ROOM)
        named = {"jobName": Concat((Text(f"{name}-"), RunValue("run_hash"))), **request}
        return integrations.pascal(jsonata.leaves(named))

    def _catch(self, **facts: str) -> list[State]:
        output = self._to_record("failed", _TRY, **facts)
        return [{"ErrorEquals": ["States.ALL"], "Output": output, "Next": self._record_name}]

    def _record(self) -> State:
        # What the worker has recorded stands: if_not_exists keeps it, and ReturnValues hands it back, so the machine
        # goes on with what the ledger says even where the worker died between its two reports.
        mine = jsonata.of_input(self._task.task_id)
        request = self._end_task(jsonata.expression(f"{mine}.state"), jsonata.expression(f"$string({mine}.try)"))
        if isinstance(self._task.work, BatchJob):
            # A path that submitted no job leaves the id of an earlier execution's as it is.
            request["UpdateExpression"] += ", job_id = if_not_exists(#kept, :job)"
            request["ExpressionAttributeNames"]["#kept"] = jsonata.expression(
                f"{mine}.job = '' ? 'job_id' : '{_NO_ATTRIBUTE}'"
            )
            facts = {f":{name}": {"S": jsonata.expression(f"{mine}.{name}")} for name in ("job", "start")}
            request["ExpressionAttributeValues"] |= facts
        return {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": request,
            "Output": self._output("{% $states.result.Attributes.outcome.S %}"),
            "Retry": integrations.DYNAMODB_RETRY,
            **self._next,
        }

    def _instant(self) -> State:
        state, attempts = "success", "1"
        if self._diverting:
            decision = outcomes.decision(self._task.upstream)
            state = jsonata.expression(decision)
            attempts = jsonata.expression(f"({decision}) = 'success' ? '1' : '0'")
        return {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": self._end_task(state, attempts),
            "Output": self._output("{% $states.result.Attributes.outcome.S %}"),
            "Retry": integrations.DYNAMODB_RETRY,
            **self._next,
        }

    def _end_task(self, state: str, try_number: str) -> State:
        return {
            "TableName": self._workflow.ledger_table,
            "Key": integrations.item_key(task_sk(self._task.task_id)),
            "UpdateExpression": (
                "SET outcome = if_not_exists(outcome, :state), #state = if_not_exists(outcome, :state), "
                "try_number = if_not_exists(try_number, :try), started_at = if_not_exists(started_at, :start), "
                "ended_at = if_not_exists(ended_at, :now), updated_at = :now, expires_at = :expires"
            ),
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {
                ":state": {"S": state},
                ":try": {"N": try_number},
                ":start": {"S": _NOW},
                ":now": {"S": _NOW},
                ":expires": {"N": _EXPIRES},
            },
            "ReturnValues": "ALL_NEW",
        }

    def _push(self, after: str) -> State:
        mine = jsonata.of_input(self._task.task_id)
        item = {
            **integrations.item_key(xcom_sk(self._task.task_id, "return_value")),
            "task_id": {"S": self._task.task_id},
            "key": {"S": "return_value"},
            "map_index": {"N": "-1"},
            # A job id is a UUID: quoted, it is its own JSON text.
            "value": {"S": jsonata.expression(f"'\"' & {mine}.job & '\"'")},
            "updated_at": {"S": _NOW},
            "expires_at": {"N": _EXPIRES},
        }
        return {
            "Type": "Task",
            "Resource": integrations.PUT_ITEM,
            "Arguments": {"TableName": self._workflow.ledger_table, "Item": item},
            "Output": "{% $states.input %}",
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": after,
        }
