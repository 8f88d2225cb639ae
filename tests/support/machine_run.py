"""A small interpreter of the machines we emit: enough to see which tasks run and what each ends in.

It knows the states that the emitter makes, evaluates their JSONata and keeps the ledger's outcomes; jobs end as they are told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from asl_problem import expression_code
from jsonata_eval import evaluate_leaves

_TIME = "2026-01-01T00:00:00.000Z"
_SUBMIT = "arn:aws:states:::batch:submitJob"


class TaskFailedError(Exception):
    pass


@dataclass
class Done:
    outcomes: dict[str, str] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    status: str = "RUNNING"
    tries: dict[str, str] = field(default_factory=dict)
    pushed: set[str] = field(default_factory=set)


def run(machine: dict[str, Any], ends: dict[str, str], execution_input: dict[str, Any] | None = None) -> Done:
    """
    :param ends: task id -> success, failed or skipped: what its job would end in
    """
    done = Done()
    variables: dict[str, Any] = {}
    _scope(machine, execution_input or {}, variables, ends, done)
    return done


def _scope(scope: dict[str, Any], data: Any, variables: dict[str, Any], ends: dict[str, str], done: Done) -> Any:
    name = scope["StartAt"]
    while True:
        state = scope["States"][name]
        taken = _state(name, state, data, variables, ends, done)
        if taken is None:
            return data
        name, data = taken
        if not name:
            return data


def _state(name: str, state: dict[str, Any], data: Any, variables: dict[str, Any], ends: Any, done: Done) -> Any:
    context = {
        "Execution": {"Id": "arn:1", "StartTime": _TIME, "Name": "e"},
        "State": {"EnteredTime": _TIME, "RetryCount": 0, "Name": name},
        "Task": {"Token": "token"},
    }
    bindings = {**variables, "states": {"input": data, "context": context}}
    kind = state["Type"]
    if kind in {"Succeed", "Fail"}:
        done.status = "SUCCEEDED" if kind == "Succeed" else "FAILED"
        return None
    if kind == "Choice":
        for rule in state["Choices"]:
            code = expression_code(rule["Condition"])
            value = evaluate_leaves(f"{{%{code}%}}", bindings)
            assert value in (True, False), f"{name}: {code} gives {value!r}"
            if value:
                return rule["Next"], evaluate_leaves(rule["Output"], bindings) if "Output" in rule else data
        return state["Default"], data
    try:
        result = _result(name, state, bindings, variables, ends, done)
    except TaskFailedError as error:
        caught = {**bindings, "states": {**bindings["states"], "errorOutput": {"Error": str(error), "Cause": ""}}}
        catcher = next(entry for entry in state["Catch"] if "States.ALL" in entry["ErrorEquals"])
        return catcher["Next"], evaluate_leaves(catcher["Output"], caught)
    bindings["states"]["result"] = result
    output = evaluate_leaves(state["Output"], bindings) if "Output" in state else result
    variables.update(evaluate_leaves(state.get("Assign", {}), bindings))
    return state.get("Next", ""), output


def _result(name: str, state: dict[str, Any], bindings: Any, variables: Any, ends: Any, done: Done) -> Any:
    if state["Type"] == "Pass":
        return bindings["states"]["input"]
    arguments = evaluate_leaves(state.get("Arguments", {}), bindings)
    if state["Type"] == "Parallel":
        return [_scope(branch, arguments, dict(variables), ends, done) for branch in state["Branches"]]
    if state["Resource"].startswith(_SUBMIT):
        return _job(name, state, arguments, ends, done)
    if state["Resource"].endswith("putItem"):
        if arguments["Item"]["sk"]["S"].startswith("xcom#"):
            done.pushed.add(arguments["Item"]["task_id"]["S"])
        return {}
    return {"Attributes": _update(arguments, done)}


def _job(
    name: str, state: dict[str, Any], arguments: dict[str, Any], ends: dict[str, str], done: Done
) -> dict[str, Any]:
    variables = arguments.get("ContainerOverrides", {}).get("Environment", [])
    environment = {item["Name"]: item["Value"] for item in variables}
    task = environment.get("DUCTWORK_TASK_ID") or _task_of(state, name)
    assert task not in done.ran, f"{task} is submitted twice"
    done.ran.add(task)
    if ends[task] == "failed":
        raise TaskFailedError("States.TaskFailed")
    if "DUCTWORK_TASK_ID" in environment:
        # The worker writes its own end into the ledger.
        done.outcomes[task] = ends[task]
    return {"JobId": "1-2-3", "state": ends[task]}


def _task_of(state: dict[str, Any], name: str) -> str:
    """A native job carries no task id of ours; the Output of its state is keyed by it."""
    output = state["Output"]
    if isinstance(output, dict):
        return next(key for key, value in output.items() if isinstance(value, dict))
    match = re.search(r"\$merge\(\[\$states\.input, \{(['\"])(.*?)\1: \{'state'", output)
    assert match, f"{name}: {output}"
    return match[2]


def _update(arguments: dict[str, Any], done: Done) -> dict[str, Any]:
    values = {name: next(iter(value.values())) for name, value in arguments["ExpressionAttributeValues"].items()}
    sk = arguments["Key"]["sk"]["S"]
    if sk == "run":
        return {"state": {"S": values[":state"]}}
    task = sk.split("#")[1]
    outcome = done.outcomes.setdefault(task, values[":state"])
    done.tries.setdefault(task, values[":try"])
    return {"outcome": {"S": outcome}, "state": {"S": outcome}}
