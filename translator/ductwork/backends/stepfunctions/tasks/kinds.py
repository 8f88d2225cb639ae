"""Which states a task has, by its kind of work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ductwork.backends.stepfunctions.asl import aws_calls
from ductwork.backends.stepfunctions.asl.nodes import Node
from ductwork.backends.stepfunctions.asl.states import States
from ductwork.backends.stepfunctions.tasks.aws_call_task import AwsCallTask, spellings
from ductwork.backends.stepfunctions.tasks.aws_sensor_task import AwsSensorTask
from ductwork.backends.stepfunctions.tasks.batch_job_task import BatchJobTask
from ductwork.backends.stepfunctions.tasks.frame import Place, TaskStates
from ductwork.backends.stepfunctions.tasks.no_op_task import NoOpTask
from ductwork.backends.stepfunctions.tasks.wait_task import WaitTask
from ductwork.backends.stepfunctions.tasks.worker_task import WorkerTask
from ductwork.ir import AwsCall, AwsSensor, BatchJob, NoOp, Task, Wait, Work, Worker, Workflow

STATES: Mapping[type[Work], type[TaskStates[Any]]] = {
    Worker: WorkerTask,
    BatchJob: BatchJobTask,
    Wait: WaitTask,
    NoOp: NoOpTask,
    AwsCall: AwsCallTask,
    AwsSensor: AwsSensorTask,
}


def shared(workflow: Workflow) -> dict[str, Node]:
    """The members of ``$run`` that the states of all tasks of a kind have in common."""
    endings = {STATES[type(task.work)].ending: None for task in workflow.tasks}
    made = {ending.name: ending.shared(workflow.ledger_table) for ending in endings}
    errors = aws_calls.told_once(each for task in workflow.tasks for each in spellings(task.work))
    return made if errors is None else {**made, aws_calls.ERRORS: errors}


def states(workflow: Workflow, task: Task, place: Place) -> tuple[str, str, States]:
    """``(first, entry, states)``: the names of a task's first state and of the first past its Choice, and all states by
    name, in reading order."""
    made = STATES[type(task.work)](workflow, task, task.work, place)
    first, found = made.build()
    return first, made.entry, found
