"""A task that AWS Batch runs as a job, whichever it is.

``Call back <task>`` calls what is to be called when a task fails, where its container died and could not
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import worker_requests
from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import Value
from ductwork.backends.stepfunctions.asl.scope import CONTEXT, INPUT
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.tasks.frame import Kind, TaskStates
from ductwork.contracts import error_names
from ductwork.ir import Retry, Workflow

TRY = CONTEXT.field("State", "RetryCount") + 1
# What only a worker says, which has called whom it had to.
REPORTED = [error_names.FAILED, error_names.RETRY, error_names.SKIPPED]


class JobTask(TaskStates[Kind]):
    """The job's state needs a Catch; who is to be called when the task fails is called by a job of the worker's."""

    @property
    def _call_name(self) -> str:
        return self._called("Call back {}")

    def _submit_arguments(self, request: dict[str, Any]) -> Value:
        return worker_requests.arguments(self._workflow, self._task.task_id, request)

    def _catch(self, **facts: Value) -> list[State]:
        output = self._to_record("failed", TRY, **facts)
        caught: State = {"ErrorEquals": [integrations.ANY_ERROR], "Output": output, "Next": self._record_name}
        if not self._task.calls_back:
            return [caught]
        # The worker calls back for what it reports; a container that died has called nobody.
        reported = {**caught, "ErrorEquals": REPORTED}
        return [reported, {**caught, "Next": self._call_name}]

    def _callback_variables(self) -> dict[str, Value]:
        return CALLING

    def _call_back(self) -> States:
        if not self._task.calls_back:
            return {}
        request = worker_job.request(self._workflow, self._task, self._writes.map_index)
        request["containerOverrides"]["environment"].extend(listed(self._callback_variables()))
        return {self._call_name: calling_back(self._workflow, self._task.task_id, request, self._record_name)}


CALLING: dict[str, Value] = {"DUCTWORK_CALLBACK": "task"}


def listed(variables: Mapping[str, Value]) -> list[State]:
    """Variables of an environment, as a request has them."""
    return [{"name": name, "value": value} for name, value in variables.items()]


def calling_back(workflow: Workflow, what: str, request: Mapping[str, object], after: str) -> State:
    """The state that starts a worker to call whom a task's dead container has not called; its data pass through.

    :param what: names the job within the DAG
    :param request: of :mod:`ductwork.backends.worker_job`, with what the worker is to do
    """
    return {
        "Type": "Task",
        "Resource": integrations.SUBMIT_JOB_AND_WAIT,
        "Arguments": worker_requests.arguments(workflow, what, request),
        "Output": INPUT,
        "Retry": integrations.job_retry(Retry()),
        "Catch": [{"ErrorEquals": [integrations.ANY_ERROR], "Output": INPUT, "Next": after}],
        "Next": after,
    }
