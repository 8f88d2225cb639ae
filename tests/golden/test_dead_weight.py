"""What no machine says, because it holds without being said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MACHINES = sorted([*HERE.glob("*.asl.json"), *HERE.glob("*.engine.json")])
# docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
RETRY_DEFAULTS = {"IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 2.0}


def states(scope):
    for name, state in scope["States"].items():
        yield name, state
        for inner in (*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])):
            yield from states(inner)


def repeated(choice):
    """The conditions of a Choice that an earlier rule has, so that nothing ever comes to the later one."""
    conditions = [rule["Condition"] for rule in choice.get("Choices", ())]
    return [condition for at, condition in enumerate(conditions) if condition in conditions[:at]]


def spelt_out(state):
    """The members of retriers that have the value they would have anyway."""
    return [
        (name, value)
        for retrier in state.get("Retry", ())
        for name, value in retrier.items()
        if RETRY_DEFAULTS.get(name) == value
    ]


def test_what_counts():
    assert repeated({"Choices": [{"Condition": "a"}, {"Condition": "b"}, {"Condition": "a"}]}) == ["a"]
    retrier = {"ErrorEquals": ["X"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 2}
    assert spelt_out({"Retry": [{"ErrorEquals": ["Y"], "MaxAttempts": 0}, retrier]}) == [
        ("MaxAttempts", 3),
        ("BackoffRate", 2),
    ]


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.name)
def test_no_rule_repeats_another_and_no_retrier_spells_a_default_out(path):
    found = {
        name: (*repeated(state), *spelt_out(state))
        for name, state in states(json.loads(path.read_text(encoding="utf-8")))
    }
    assert {name: dead for name, dead in found.items() if dead} == {}
