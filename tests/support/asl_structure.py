"""Names, fields, transitions, retriers and catchers of a state machine in JSONata mode.

The tables follow the pages of the Step Functions developer guide on states, error handling and quotas.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from asl_problem import Problem, expression_code, scopes, strings

MAX_DEFINITION_BYTES = 1_048_576
MAX_SECONDS = 99_999_999
# AWS publishes none; an emulator takes 25.
MAX_NESTING = 20

_COMMON = {"Type", "Comment", "QueryLanguage"}
_FLOW = {"Next", "End"}
_RESCUE = {"Retry", "Catch"}
FIELDS: dict[str, set[str]] = {
    "Task": {"Resource", "Arguments", "Output", "Assign", "TimeoutSeconds", "HeartbeatSeconds", "Credentials"}
    | _RESCUE
    | _FLOW,
    "Parallel": {"Arguments", "Output", "Assign", "Branches"} | _RESCUE | _FLOW,
    "Map": {
        *("Output", "Assign", "Items", "ItemSelector", "ItemProcessor", "MaxConcurrency", "Label", "ItemReader"),
        *("ToleratedFailureCount", "ToleratedFailurePercentage", "ItemBatcher", "ResultWriter"),
    }
    | _RESCUE
    | _FLOW,
    "Pass": {"Output", "Assign"} | _FLOW,
    "Wait": {"Seconds", "Timestamp", "Output", "Assign"} | _FLOW,
    "Choice": {"Choices", "Default", "Output", "Assign"},
    "Succeed": {"Output"},
    "Fail": {"Error", "Cause"},
}
REQUIRED = {"Task": {"Resource"}, "Parallel": {"Branches"}, "Map": {"ItemProcessor"}, "Choice": {"Choices", "Default"}}
# Where a string may be an expression; elsewhere AWS takes the marks literally.
EVALUATED = {
    *("Arguments", "Output", "Assign", "ItemSelector", "TimeoutSeconds", "HeartbeatSeconds", "Items"),
    *("MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage", "Seconds", "Timestamp"),
    *("Condition", "Error", "Cause", "Credentials", "ItemReader", "ItemBatcher", "ResultWriter"),
}
_NESTING = {"Choices", "Catch", "Branches", "ItemProcessor"}
_RETRIER = {
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Comment",
}
_CATCHER = {"ErrorEquals", "Next", "Output", "Assign", "Comment"}
_RULE = {"Condition", "Next", "Output", "Assign", "Comment"}


def check_structure(machine: dict[str, Any]) -> Iterator[Problem]:
    size = len(json.dumps(machine, separators=(",", ":"), ensure_ascii=False).encode())
    if size > MAX_DEFINITION_BYTES:
        yield Problem("size", "machine", f"{size:,} bytes")
    if machine.get("QueryLanguage") != "JSONata":
        yield Problem("language", "machine", "QueryLanguage must be JSONata at the top")
    for field in machine.keys() - {"Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"}:
        yield Problem("field", "machine", f"{field} is no field of a state machine")
    if (depth := max(path.count(" > ") for path, _ in scopes(machine))) > MAX_NESTING:
        yield Problem("nesting", "machine", f"scopes are nested {depth} deep")
    yield from _check_whole("machine", machine, "TimeoutSeconds", 1)
    names: Counter[str] = Counter()
    for path, scope in scopes(machine):
        names.update(scope.get("States", {}).keys())
        yield from _check_scope(path, scope)
    for name, count in names.items():
        if count > 1:
            yield Problem("unique", name, f"{count} states have this name")
        if not 1 <= len(name) <= 80 or any(ord(char) < 32 for char in name):
            yield Problem("name", name, f"{len(name)} characters, 1 to 80 printable ones are allowed")


def targets(state: dict[str, Any]) -> list[str]:
    found = [state["Next"]] if "Next" in state else []
    found += [state["Default"]] if "Default" in state else []
    return found + [rule["Next"] for rule in (*state.get("Choices", ()), *state.get("Catch", ())) if "Next" in rule]


def _check_scope(path: str, scope: dict[str, Any]) -> Iterator[Problem]:
    states = scope.get("States", {})
    start = scope.get("StartAt")
    reached, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        if name not in states:
            yield Problem("target", path, f"{name!r} is not a state of this scope")
            continue
        reached.add(name)
        waiting.extend(targets(states[name]))
    for name in states.keys() - reached:
        yield Problem("reachable", name, "nothing leads here")
    ends = {"Succeed", "Fail"}
    if not any(states[name].get("End") or states[name].get("Type") in ends for name in reached):
        yield Problem("terminal", path, "no state ends this scope")
    for name, state in states.items():
        yield from _check_state(name, state)


def _check_state(name: str, state: dict[str, Any]) -> Iterator[Problem]:
    kind = state.get("Type")
    if kind not in FIELDS:
        yield Problem("type", name, f"{kind!r} is no state type")
        return
    for field in state.keys() - FIELDS[kind] - _COMMON:
        yield Problem("field", name, f"{field} is not allowed in a {kind} state")
    for field in REQUIRED.get(kind, set()) - state.keys():
        yield Problem("field", name, f"{field} is missing")
    if state.get("QueryLanguage", "JSONata") != "JSONata":
        yield Problem("language", name, "the machine is JSONata, a state cannot differ")
    if "Next" in FIELDS[kind] and ("Next" in state) == (state.get("End") is True):
        yield Problem("terminal", name, "exactly one of Next and End: true")
    if kind == "Wait" and ("Seconds" in state) == ("Timestamp" in state):
        yield Problem("field", name, "exactly one of Seconds and Timestamp")
    for number, rule in enumerate(state.get("Choices", ())):
        for field in rule.keys() - _RULE:
            yield Problem("field", f"{name}/Choices/{number}", f"{field} is not allowed")
        if not {"Condition", "Next"} <= rule.keys():
            yield Problem("field", f"{name}/Choices/{number}", "Condition and Next are required")
    # The guide does not say clearly that a rule without one does not take the state's, which are for Default.
    for field in sorted({"Output", "Assign"} & state.keys()):
        if not all(field in rule for rule in state.get("Choices", ())):
            yield Problem("rule", name, f"{field} of the state stands beside rules without one")
    if kind == "Choice" and not state.get("Choices"):
        yield Problem("field", name, "Choices is empty")
    if kind == "Parallel" and not state.get("Branches"):
        yield Problem("field", name, "Branches is empty")
    for field, least in (("TimeoutSeconds", 1), ("HeartbeatSeconds", 1), ("Seconds", 0), ("MaxConcurrency", 0)):
        yield from _check_whole(name, state, field, least)
    yield from _check_rescue(name, state)
    yield from _check_marks(name, state)


def _check_whole(where: str, holder: dict[str, Any], field: str, least: int) -> Iterator[Problem]:
    value = holder.get(field, least)
    if expression_code(value) is None and (type(value) is not int or not least <= value <= MAX_SECONDS):
        yield Problem("seconds", where, f"{field} is {value!r}, not a whole number from {least} to {MAX_SECONDS:,}")


def _check_rescue(name: str, state: dict[str, Any]) -> Iterator[Problem]:
    for kind, allowed in (("Retry", _RETRIER), ("Catch", _CATCHER)):
        entries = state.get(kind, [])
        for number, entry in enumerate(entries):
            where = f"{name}/{kind}/{number}"
            errors = entry.get("ErrorEquals")
            if not errors or not all(isinstance(error, str) for error in errors):
                yield Problem("errors", where, "ErrorEquals is a non-empty list of names")
                continue
            if "States.ALL" in errors and (len(errors) > 1 or number < len(entries) - 1):
                yield Problem("errors", where, "States.ALL must be alone and last")
            for field in entry.keys() - allowed:
                yield Problem("field", where, f"{field} is not allowed")
            if kind == "Catch" and "Next" not in entry:
                yield Problem("field", where, "Next is missing")
            if kind == "Retry":
                yield from _check_retrier(where, entry)


def _check_retrier(where: str, entry: dict[str, Any]) -> Iterator[Problem]:
    def whole(field: str, least: int, most: int) -> Iterator[Problem]:
        value = entry.get(field, least)
        if type(value) is not int or not least <= value <= most:
            yield Problem("retry", where, f"{field} is {value!r}, not a whole number from {least} to {most:,}")

    yield from whole("IntervalSeconds", 1, MAX_SECONDS)
    yield from whole("MaxAttempts", 0, MAX_SECONDS)
    yield from whole("MaxDelaySeconds", 1, 31_622_400)
    rate = entry.get("BackoffRate", 2.0)
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or rate < 1:
        yield Problem("retry", where, f"BackoffRate is {rate!r}")
    if entry.get("JitterStrategy", "NONE") not in {"NONE", "FULL"}:
        yield Problem("retry", where, f"JitterStrategy is {entry['JitterStrategy']!r}")
    if "MaxDelaySeconds" in entry and not entry["MaxDelaySeconds"] > entry.get("IntervalSeconds", 1):
        yield Problem("retry", where, "MaxDelaySeconds must be greater than IntervalSeconds")


def _check_marks(name: str, state: dict[str, Any]) -> Iterator[Problem]:
    """Marks that AWS would not see as marks, or would not expect where they are."""
    for field, value in state.items():
        if field in _NESTING:
            continue
        for path, text in strings(value, f"{name}/{field}"):
            yield from _check_mark(path, text, evaluated=field in EVALUATED)
    for kind in ("Choices", "Catch"):
        for number, entry in enumerate(state.get(kind, ())):
            for field, value in entry.items():
                for path, text in strings(value, f"{name}/{kind}/{number}/{field}"):
                    yield from _check_mark(path, text, evaluated=field in EVALUATED)


def _check_mark(path: str, text: str, *, evaluated: bool) -> Iterator[Problem]:
    marked = text.startswith("{%") and text.endswith("%}")
    if marked and not evaluated:
        yield Problem("mark", path, "an expression where AWS expects a constant")
    elif not marked and (text.strip().startswith("{%") or text.strip().endswith("%}")):
        yield Problem("mark", path, f"the marks are not at the very ends: {text[:60]!r}")
