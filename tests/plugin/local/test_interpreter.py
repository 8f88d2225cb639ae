"""State machines on the adapted interpreter: each gives what Step Functions gives."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from .conftest import Embedded, job_task

END = {"Z": {"Type": "Succeed"}}
CAUGHT = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z", "Output": "{% $states.errorOutput.Error %}"}]}
CAUGHT_AS_FAILED = {"Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Z", "Output": "{% 'caught' %}"}]}
PASS = {"Type": "Pass", "End": True}
TWICE = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}]


def parallel(*states: dict[str, Any], **fields: Any) -> dict[str, Any]:
    branches = [{"StartAt": f"B{i}", "States": {f"B{i}": state}} for i, state in enumerate(states)]
    return {"Type": "Parallel", "Branches": branches, "End": True, **fields}


def each(state: dict[str, Any], items: str, **fields: Any) -> dict[str, Any]:
    processor = {"StartAt": "Item", "States": {"Item": state}}
    return {"Type": "Map", "Items": items, "ItemProcessor": processor, "End": True, **fields}


def distributed(*states: dict[str, Any], items: str, **fields: Any) -> dict[str, Any]:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    named = {f"I{i}": state for i, state in enumerate(states)}
    processor = {"ProcessorConfig": config, "StartAt": "I0", "States": named}
    return {"Type": "Map", "Items": items, "ItemProcessor": processor, "End": True, **fields}


def passing(**fields: Any) -> dict[str, Any]:
    return {**PASS, **fields}


LITERAL = 'it\'s "q" \\ \n 😀'
CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "literals and variables": (
        {"A": {"Type": "Pass", "Assign": {"x": LITERAL}, "Next": "B"}, "B": passing(Output={'k"': "{% $x %}"})},
        {'k"': LITERAL},
    ),
    "an output that is a string": ({"A": passing(Output="{% 'text' %}")}, "text"),
    "an output that is null": ({"A": passing(Output="{% null %}")}, None),
    "undefined": ({"A": passing(Output="{% $states.input.nope %}")}, ("FAILED", "States.QueryEvaluationError")),
    "output does not see assign": (
        {
            "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"},
            "B": {"Type": "Pass", "Assign": {"x": 2}, "Output": "{% $x %}", "Next": "C"},
            "C": passing(Output="{% [$x, $states.input] %}"),
        },
        [2, 1],
    ),
    "assigns of one state do not see each other": (
        {
            "A": {"Type": "Pass", "Assign": {"x": 1, "y": 5}, "Next": "B"},
            "B": {"Type": "Pass", "Assign": {"x": "{% $y %}", "y": "{% $x %}"}, "Next": "C"},
            "C": passing(Output="{% [$x, $y] %}"),
        },
        [5, 1],
    ),
    "parallel with arguments, scopes and result order": (
        {
            "S": {"Type": "Pass", "Assign": {"outer": 100}, "Next": "A"},
            "A": {
                **parallel(
                    passing(Assign={"mine": 1}, Output="{% $states.input.v + $outer %}"),
                    passing(Assign={"mine": 2}, Output="{% 'second' %}"),
                    Arguments={"v": "{% $states.input.k + 1 %}"},
                    Output="{% [$states.result, $exists($mine)] %}",
                )
            },
        },
        [102, "second", False],
    ),
    "an inner scope cannot assign an outer variable": (
        {"S": {"Type": "Pass", "Assign": {"x": 1}, "Next": "A"}, "A": parallel(passing(Assign={"x": 2}))},
        ("FAILED", "States.Runtime"),
    ),
    "map": (
        {
            "A": each(
                passing(Output="{% $states.input.i * 10 + $states.input.v %}"),
                "{% [1..3] %}",
                MaxConcurrency=2,
                ToleratedFailurePercentage=100,
                ItemSelector={
                    "i": "{% $states.context.Map.Item.Index %}",
                    "v": "{% $states.context.Map.Item.Value %}",
                },
            )
        },
        [1, 12, 23],
    ),
    "map over nothing": ({"A": each(PASS, "{% [] %}")}, []),
    "map without MaxConcurrency": (
        {"A": each(passing(Output="{% $states.input %}"), "{% [1..90] %}")},
        [*range(1, 91)],
    ),
    "map retried": (
        {"A": each({"Type": "Fail", "Error": "X"}, "{% [1] %}", Retry=TWICE[:1], **CAUGHT), **END},
        "X",
    ),
    "a distributed map": (
        {
            "A": {"Type": "Pass", "Assign": {"x": 7}, "Next": "B"},
            "B": distributed(
                {"Type": "Pass", "Assign": {"own": "{% $states.input.x %}"}, "Next": "I1"},
                passing(Output="{% $own + $states.input.k + $states.input.v %}"),
                items="{% [1..150] %}",
                ItemSelector={
                    "v": "{% $states.context.Map.Item.Value %}",
                    "x": "{% $x %}",
                    "k": "{% $states.input.k %}",
                },
                MaxConcurrency=1,
                Output="{% $sum($states.result) %}",
            ),
        },
        sum(range(1, 151)) + 150 * 8,
    ),
    "a distributed map of nothing": ({"A": distributed(PASS, items="{% [] %}")}, []),
    "items of a distributed map see no variables": (
        {
            "A": {"Type": "Pass", "Assign": {"x": 7}, "Next": "B"},
            "B": distributed(passing(Output="{% $x %}"), items="{% [1] %}", **CAUGHT),
            **END,
        },
        "States.ExceedToleratedFailureThreshold",
    ),
    "a failing item of a distributed map": (
        {"A": distributed({"Type": "Fail", "Error": "X"}, items="{% [1..3] %}", **CAUGHT), **END},
        "States.ExceedToleratedFailureThreshold",
    ),
    "choice by rule": (
        {
            "A": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $states.input.k = 1 %}", "Next": "Z", "Assign": {"q": 3}}],
                "Default": "Z",
                "Assign": {"q": 4},
                "Output": "{% 'default' %}",
            },
            "Z": {"Type": "Succeed", "Output": "{% [$q, $states.input.k] %}"},
        },
        [3, 1],
    ),
    "choice whose condition is no boolean": (
        {"A": {"Type": "Choice", "Choices": [{"Condition": "{% 1 %}", "Next": "Z"}], "Default": "Z"}, **END},
        ("FAILED", "States.QueryEvaluationError"),
    ),
    "wait": ({"A": {"Type": "Wait", "Seconds": "{% 1 %}", "End": True}}, {"k": 1}),
    "fail": ({"A": {"Type": "Fail", "Error": "E", "Cause": "{% 'c' %}"}}, ("FAILED", "E")),
    "a branch's error is the parallel's": ({"A": parallel(job_task("false"), **CAUGHT), **END}, "States.TaskFailed"),
    "own errors are task failures": (
        {"A": parallel({"Type": "Fail", "Error": "Ductwork.Retry"}, **CAUGHT_AS_FAILED), **END},
        "caught",
    ),
    "a timeout is no task failure": (
        {"A": job_task("sleep", "9", TimeoutSeconds=1, **CAUGHT_AS_FAILED), **END},
        ("FAILED", "States.Timeout"),
    ),
    "all catches a timeout": ({"A": job_task("sleep", "9", TimeoutSeconds=1, **CAUGHT), **END}, "States.Timeout"),
    "a failing output is caught": (
        {"A": job_task("true", Output="{% $states.result.nope %}", **CAUGHT), **END},
        "States.QueryEvaluationError",
    ),
    "failing arguments are caught": (
        {"A": {**job_task("true", **CAUGHT), "Arguments": {"JobName": "{% $nope %}"}}, **END},
        "States.QueryEvaluationError",
    ),
    "an unknown argument is refused": (
        {"A": {**job_task("true", **CAUGHT), "Arguments": {"Nope": 1}}, **END},
        ("FAILED", "States.Runtime"),
    ),
    "the API's refusal has a name": (
        {
            "A": {**job_task("true", **CAUGHT), "Arguments": {"JobName": "j", "JobQueue": "q", "JobDefinition": "d"}},
            **END,
        },
        "Batch.ClientException",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_state_machine(embedded: Embedded, name: str) -> None:
    states, expected = CASES[name]
    assert embedded.run(states, {"k": 1}) == expected


def test_the_context_object(embedded: Embedded) -> None:
    execution = embedded.start({"A": passing(Output="{% $states.context %}")})
    found = embedded.finished(execution)
    context = json.loads(found["output"])
    assert context["Execution"]["Id"] == execution
    assert context["Execution"]["Name"] == execution.rpartition(":")[2]
    assert context["Execution"]["StartTime"].endswith("Z")
    assert context["Execution"]["RedriveCount"] == 0
    assert context["State"]["EnteredTime"] >= context["Execution"]["StartTime"]


def test_retry_count_in_arguments_output_and_catch(embedded: Embedded) -> None:
    count = "{% $states.context.State.RetryCount %}"
    third_time = job_task("sh", "-c", "[ $TRY = 3 ]", Retry=TWICE, Output=count)
    assert embedded.run({"A": third_time}) == 2
    never = job_task("false", Retry=TWICE, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Z", "Output": count}])
    assert embedded.run({"A": never, **END}) == 2


def test_backoff_with_its_limit(embedded: Embedded) -> None:
    retry = {"ErrorEquals": ["X"], "IntervalSeconds": 1, "BackoffRate": 9, "MaxDelaySeconds": 2, "MaxAttempts": 2}
    started = time.monotonic()
    assert embedded.run({"A": parallel({"Type": "Fail", "Error": "X"}, Retry=[retry])}) == ("FAILED", "X")
    assert 1 + 2 <= time.monotonic() - started < 1 + 9


def test_what_holds_where_a_retrier_does_not_say_it(embedded: Embedded) -> None:
    """Three times, after one second, then after twice the time: docs.aws.amazon.com, "Handling errors"."""
    retry = {"ErrorEquals": ["States.ALL"], "MaxDelaySeconds": 3}
    count = "{% $states.context.State.RetryCount %}"
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "Z", "Output": count}]
    started = time.monotonic()
    assert embedded.run({"A": job_task("false", Retry=[retry], Catch=caught), **END}) == 3
    assert 1 + 2 + 3 <= time.monotonic() - started < 12


def test_a_timed_out_execution_has_an_end(embedded: Embedded) -> None:
    found = embedded.finished(embedded.start({"A": {"Type": "Wait", "Seconds": 30, "End": True}}, TimeoutSeconds=1))
    assert found["status"] == "TIMED_OUT"
    assert found["stopDate"] > found["startDate"]


def test_history_in_pages_and_backwards(embedded: Embedded) -> None:
    execution = embedded.start({"A": PASS})
    embedded.finished(execution)
    first = embedded.sfn.get_execution_history(executionArn=execution, maxResults=3)
    rest = embedded.sfn.get_execution_history(executionArn=execution, maxResults=3, nextToken=first["nextToken"])
    types = [event["type"] for event in first["events"] + rest["events"]]
    assert types == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert "nextToken" not in rest
    latest = embedded.sfn.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=1)["events"]
    assert latest[0]["type"] == "ExecutionSucceeded"


def test_an_invalid_definition_has_an_error_code(embedded: Embedded) -> None:
    with pytest.raises(embedded.sfn.exceptions.InvalidDefinition):
        embedded.sfn.create_state_machine(name="bad", definition="{", roleArn="arn:aws:iam::123456789012:role/any")


def test_a_child_machine_is_awaited(embedded: Embedded) -> None:
    embedded.finished(embedded.start({"A": passing(Output={"o": "{% $states.input.i + 1 %}"})}, {"i": 1}))
    child = embedded.sfn.list_state_machines()["stateMachines"][-1]["stateMachineArn"]
    arguments = {"StateMachineArn": child, "Name": "child", "Input": {"i": 41}}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": arguments,
        "Output": "{% $states.result.Output.o %}",
        "End": True,
    }
    assert embedded.run({"A": task}) == 42
