"""The states of a task in a region: its job, or for a task with nothing to run the write that ends it."""

from __future__ import annotations

from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import worker_requests
from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import Value, call, lifted, when
from ductwork.backends.stepfunctions.asl.scope import ITEM, RESULT
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.ledger_writes import END, Writes
from ductwork.backends.stepfunctions.tasks import job_task, worker_task
from ductwork.contracts.ledger import UNMAPPED
from ductwork.contracts.names import state_name
from ductwork.contracts.stepfunctions_limits import MAX_RETRY_ATTEMPTS
from ductwork.ir import Task, Workflow


def states(workflow: Workflow, task: Task, failed: str, after: str | None, output: Value) -> States:
    """The states of a task, its own first; where it does not succeed, they note how many tries it has had.

    :param failed: the state that follows then
    :param after: the state that follows where it has succeeded, None at the end of a branch
    :param output: the state data then
    """
    name, going_on = state_name(task.task_id), {"End": True} if after is None else {"Next": after}
    tries = {task.task_id: min(task.retry.retries, MAX_RETRY_ATTEMPTS) + 1}
    caught: State = {"ErrorEquals": [integrations.ANY_ERROR], "Output": tries, "Next": failed}
    if task.work.is_empty:
        succeeded = RESULT.field("Attributes", "outcome", "S").equals("success")
        state: State = {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": Writes(workflow, task, indexed=False).end(END, "success", "1"),
            "Output": when(succeeded, output, call("error", "it has ended otherwise")),
            "Retry": integrations.DYNAMODB_RETRY,
            "Catch": [{**caught, "ErrorEquals": [integrations.EVALUATION_FAILED]}],
            **going_on,
        }
        return {name: state}
    request = worker_job.request(workflow, task)
    request["containerOverrides"]["environment"].append(worker_task.REPORTS_BY)
    catch, calling = [caught], {}
    if task.calls_back:
        called = state_name(f"Call back {task.task_id}")
        calling = {called: job_task.calling_back(workflow, task, str(UNMAPPED), job_task.CALLING, failed)}
        catch = [{**caught, "ErrorEquals": job_task.REPORTED}, {**caught, "Next": called}]
    job: State = {
        "Type": "Task",
        "Resource": integrations.SUBMIT_JOB_AND_WAIT,
        "Arguments": worker_requests.arguments(workflow, task.task_id, request),
        # Whatever a worker reports else is an error, which is caught: nothing follows but a success.
        "Output": RESULT.field("state").where(ITEM.equals("success")).each(lifted(output)),
        "Retry": integrations.job_retry(task.retry, by_worker=True),
        "Catch": catch,
        **going_on,
    }
    return {name: job, **calling}
