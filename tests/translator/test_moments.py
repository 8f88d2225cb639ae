"""Sensors for a moment, as the machine evaluates them: until when it waits, and what the task ends in."""

from __future__ import annotations

import json

import pytest
from ductwork.backends.stepfunctions import machine
from ductwork.compiler import to_json
from ductwork.diagnostics import Diagnostics, Origin
from ductwork.ir import RunValue, Task, Text, Wait, Workflow
from jsonata_eval import evaluate_leaves

ORIGIN = Origin("case.py", 1)
ENTERED = "2026-01-01T10:00:00.000Z"
NOON = Text("2026-01-01T12:00:00.000Z")
HOUR = 3600.0


def at_noon(timeout=7 * 24 * HOUR, **more):
    return Wait("it", until=NOON, after_interval=None, timeout=timeout, **more)


def after(seconds, timeout=7 * 24 * HOUR, **more):
    return Wait("it", until=None, after_interval=seconds, timeout=timeout, **more)


def evaluated(work, end="2026-01-01T09:00:00.000Z"):
    """``(until when the state waits, its output)``."""
    task = Task(task_id="at", origin=ORIGIN, operator="x.Y", work=work)
    below = Task(task_id="below", origin=ORIGIN, operator="x.Y", work=work, upstream=("at",))
    workflow = Workflow(dag_id="dag", origin=ORIGIN, dag_file="case.py", bundle_path="/dags", tasks=(task, below))
    state = json.loads(to_json(machine.emit(workflow, Diagnostics())))["States"]["at"]
    bindings = {
        "states": {"input": {}, "context": {"State": {"EnteredTime": ENTERED}}},
        "run": {"end": end, "logical_date": end, "start": end},
    }
    return evaluate_leaves(state["Timestamp"], bindings), evaluate_leaves(state["Output"], bindings)["at"]


@pytest.mark.parametrize(
    ("work", "until", "ends"),
    [
        (at_noon(), "2026-01-01T12:00:00.000Z", "success"),
        (at_noon(2 * HOUR), "2026-01-01T12:00:00.000Z", "success"),
        (at_noon(2 * HOUR - 1), "2026-01-01T11:59:59.000Z", "failed"),
        (at_noon(HOUR), "2026-01-01T11:00:00.000Z", "failed"),
        (at_noon(HOUR, soft_fail=True), "2026-01-01T11:00:00.000Z", "skipped"),
        (at_noon(soft_fail=True), "2026-01-01T12:00:00.000Z", "success"),
        (after(2 * HOUR), "2026-01-01T11:00:00.000Z", "success"),
        (after(1.5), "2026-01-01T09:00:01.500Z", "success"),
        (after(4 * HOUR, HOUR), "2026-01-01T11:00:00.000Z", "failed"),
        (after(4 * HOUR, HOUR, soft_fail=True), "2026-01-01T11:00:00.000Z", "skipped"),
        (
            Wait("it", until=RunValue("ts"), after_interval=None, timeout=HOUR),
            "2026-01-01T09:00:00.000Z",
            "success",
        ),
    ],
    ids=str,
)
def test_how_long_and_what_then(work, until, ends):
    """A moment in the past ends the wait at once, as a sensor's first look does."""
    waits, output = evaluated(work)
    assert (waits, output["state"]) == (until, ends)


@pytest.mark.parametrize(("seconds", "passed"), [(HOUR / 2, True), (HOUR, False), (2 * HOUR, False)])
def test_a_deferrable_delta_sensor_that_need_not_defer_returns_true(seconds, passed):
    """The interval ended an hour before the state was entered."""
    _, output = evaluated(after(seconds, pushes=True))
    assert output["passed"] is passed
    assert "passed" not in evaluated(after(seconds))[1]
