"""The states of a task in a region: its job, or for a task with nothing to run the write that ends it."""

from __future__ import annotations

from dataclasses import replace

from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import worker_requests
from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import Value, call, lifted, when
from ductwork.backends.stepfunctions.asl.scope import INPUT, ITEM, RESULT
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.ledger_writes import END, Writes
from ductwork.backends.stepfunctions.tasks import job_task, worker_task
from ductwork.contracts.names import state_name
from ductwork.contracts.stepfunctions_limits import MAX_RETRY_ATTEMPTS
from ductwork.ir import Task, Workflow


def states(
    workflow: Workflow, task: Task, failed: str, after: str | None, output: Value, calling: str | None
) -> States:
    """The states of a task, its own first; where it does not succeed, they note how many tries it has had.

    :param failed: the state that follows then
    :param after: the state that follows where it has succeeded, None at the end of a branch
    :param output: the state data then
    :param calling: the state that calls back for several tasks; None: the task has one of its own where it needs one
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
    catch: list[State] = [caught]
    further: States = {}
    if task.calls_back:
        if calling is None:
            calling = state_name(f"Call back {task.task_id}")
            own = worker_job.request(workflow, task)
            own["containerOverrides"]["environment"].extend(job_task.listed(job_task.CALLING))
            further = {calling: job_task.calling_back(workflow, task.task_id, own, failed)}
        catch = [{**caught, "ErrorEquals": job_task.REPORTED}, {**caught, "Next": calling}]
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
    return {name: job, **further}


def calls_as_any(workflow: Workflow, task: Task) -> bool:
    """Whether what calls back for a task can be said for several: it is a worker without settings of its own."""
    return task.calls_back and worker_job.request(workflow, task) == worker_job.request(
        workflow, replace(task, deployment=workflow.deployment, execution_timeout=None)
    )


def calling_for_several(workflow: Workflow, label: str, failed: str) -> State:
    """The state that calls back for whichever task the state data name, the only one.

    :param label: names the jobs
    """
    request = worker_job.run_request(workflow)
    overrides = request["containerOverrides"]
    of_all = [each for each in overrides["environment"] if each["name"] != "DUCTWORK_TASK_ID"]
    variables = {"DUCTWORK_TASK_ID": call("join", call("keys", INPUT)), **job_task.CALLING}
    overrides["environment"] = [*of_all, *job_task.listed(variables)]
    return job_task.calling_back(workflow, label, request, failed)
