"""Root machines with child machines, made by hand: series of tasks that are jobs of plain commands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ductwork.contracts import machine_bundle
from ductwork.contracts.machine_bundle import MachineBundle
from remote_runs import DEFINITION, QUEUE, TABLE

_NOW, _EXECUTION = "{% $states.context.State.EnteredTime %}", "{% $states.context.Execution.Id %}"
_PARTS = "$join($split($states.context.StateMachine.Id, ':', 7), ':') & '-'"
_TEXTS = ("run_id", "run_type", "logical_date", "data_interval_start", "data_interval_end")


@dataclass(frozen=True)
class Child:
    """What a child machine runs, in the order given.

    :ivar steps: task ids, with the command of each; further children
    """

    steps: Sequence[Step]


Step = tuple[str, str] | Child
"""A task id and its command; or a child."""


def bundle(dag_id: str, *branches: Sequence[Step]) -> MachineBundle:
    """A root that runs branches side by side, each a series of tasks and children.

    A task runs if the one before it in its machine has succeeded, the last of a child standing for it; the run fails if
    a branch's last task does not succeed.
    """
    parts: dict[str, dict[str, Any]] = {}
    facts: dict[str, Any] = {}
    for branch in branches:
        _note(branch, None, facts)
    begun = {"Branches": [_series(branch, parts) for branch in branches]}
    found = machine_bundle.bundle({}, parts, facts)
    assert found["manifest"] is not None
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Prepare run",
        "States": {**_begin(dag_id, found["manifest"]["id"]), **_end(), "All": {"Type": "Parallel", **begun, "Output":
            {"last": "{% $states.result.last %}"}, "Next": "Finish run"}},
    }  # fmt: skip
    return {**found, "definition": definition}


def _note(steps: Sequence[Step], above: str | None, facts: dict[str, Any]) -> str | None:
    """Add the facts of the tasks of a series; the last of them."""
    for step in steps:
        if isinstance(step, Child):
            above = _note(step.steps, above, facts)
        else:
            facts[step[0]] = {**({"upstream": [above]} if above else {}), "native": True}
            above = step[0]
    return above


def _series(steps: Sequence[Step], parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A scope of states; its input and output have the last outcome as ``last``."""
    states: dict[str, Any] = {}
    entries = []
    for number, step in enumerate(steps):
        made = _child(step, parts) if isinstance(step, Child) else _task(*step)
        entries.append((next(iter(made)), list(made)[-1]))
        states |= made
        if number:
            states[entries[number - 1][1]]["Next"] = entries[number][0]
    states[entries[-1][1]]["End"] = True
    return {"StartAt": entries[0][0], "States": states}


def _task(task_id: str, command: str) -> dict[str, Any]:
    """The states of a task; the last goes on to what follows."""
    ended = {"job": "{% $states.result.JobId %}", "state": "success"}
    failed = {"job": "", "state": "failed"}
    return {
        f"Run {task_id}?": {
            "Type": "Choice",
            "Choices": [
                {"Condition": f"{{% $exists($lookup($run.done, '{task_id}')) %}}", "Next": f"Record {task_id}",
                 "Output": {"job": "", "state": f"{{% $lookup($run.done, '{task_id}') %}}"}},
                {"Condition": "{% $states.input.last in ['failed', 'upstream_failed'] %}", "Next": f"Record {task_id}",
                 "Output": {"job": "", "state": "upstream_failed"}},
            ],
            "Default": task_id,
        },
        task_id: {
            "Type": "Task",
            "Resource": "arn:aws:states:::batch:submitJob.sync",
            "Arguments": {
                "JobName": f"{{% '{task_id}-' & $run.name %}}",
                "JobQueue": QUEUE,
                "JobDefinition": DEFINITION,
                "ContainerOverrides": {"Command": ["sh", "-c", command]},
            },
            "Output": ended,
            "Catch": [{"ErrorEquals": ["States.ALL"], "Output": failed, "Next": f"Record {task_id}"}],
            "Next": f"Record {task_id}",
        },
        f"Record {task_id}": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:updateItem",
            "Arguments": {
                "TableName": TABLE,
                "Key": {"pk": {"S": "{% $run.pk %}"}, "sk": {"S": f"task#{task_id}#-1"}},
                "UpdateExpression": "SET outcome = if_not_exists(outcome, :state), "
                "#state = if_not_exists(outcome, :state), try_number = if_not_exists(try_number, :one), "
                "ended_at = if_not_exists(ended_at, :now), updated_at = :now",
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": {
                    ":state": {"S": "{% $states.input.state %}"}, ":now": {"S": _NOW}, ":one": {"N": "1"}},
                "ReturnValues": "ALL_NEW",
            },
            "Output": {"last": "{% $states.result.Attributes.outcome.S %}"},
        },
    }  # fmt: skip


def _child(child: Child, parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    inner = _series(child.steps, parts)
    take = {
        "Type": "Pass",
        "Assign": {"run": "{% $states.input.run %}"},
        "Output": "{% $states.input.data %}",
        "Next": inner["StartAt"],
    }
    states = {"Take run": take, **inner["States"]}
    definition = {"QueryLanguage": "JSONata", "StartAt": "Take run", "States": states}
    number = len(parts) + 1
    name = machine_bundle.suffix(number, definition)
    parts[name] = definition
    state = {
        "Type": "Task",
        "Resource": machine_bundle.START,
        "Arguments": {
            "StateMachineArn": f"{{% $run.parts & '{name}' %}}",
            "Name": f"{{% $substring($hash($states.context.Execution.Id, 'SHA-256'), 0, 16) & '-{name}' %}}",
            "Input": {
                "run": "{% $run %}",
                "data": "{% $states.input %}",
                "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": _EXECUTION,
            },
        },
        "Output": "{% $states.result.Output %}",
    }
    return {f"part {number}": state}


def _begin(dag_id: str, manifest: str) -> dict[str, Any]:
    run = {
        "pk": f"{{% 'run#{dag_id}#' & $states.input.run_id %}}",
        "name": "{% $states.context.Execution.Name %}",
        "parts": f"{{% {_PARTS} %}}",
        "done": "{% $states.input.done ? $states.input.done : {} %}",
        "values": "{% $states.input %}",
    }
    texts = {name: {"S": f"{{% $run.values.{name} %}}"} for name in _TEXTS}
    item = {
        **{"pk": {"S": "{% $run.pk %}"}, "sk": {"S": "run"}, "dag_id": {"S": dag_id}, **texts},
        **{"state": {"S": "running"}, "target": {"S": "stepfunctions"}, "manifest": {"S": manifest}},
        **{"started_at": {"S": _NOW}, "updated_at": {"S": _NOW}, "execution_arn": {"S": _EXECUTION}},
    }
    return {
        "Prepare run": {"Type": "Pass", "Assign": {"run": run}, "Output": {}, "Next": "Start run"},
        "Start run": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:putItem",
            "Arguments": {"TableName": TABLE, "Item": item},
            "Output": {"last": "success"},
            "Next": "All",
        },
    }


def _end() -> dict[str, Any]:
    ends = "$count($states.input.last) = $count($states.input.last[$ = 'success'])"
    return {
        "Finish run": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:updateItem",
            "Arguments": {
                "TableName": TABLE,
                "Key": {"pk": {"S": "{% $run.pk %}"}, "sk": {"S": "run"}},
                "UpdateExpression": "SET #state = :state, ended_at = :now, updated_at = :now",
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": {
                    ":state": {"S": f"{{% {ends} ? 'success' : 'failed' %}}"}, ":now": {"S": _NOW}},
            },
            "Output": {},
            "End": True,
        }
    }  # fmt: skip


def text(document: Mapping[str, Any]) -> str:
    """A document as ``ductwork compile`` writes it."""
    return json.dumps(document)
