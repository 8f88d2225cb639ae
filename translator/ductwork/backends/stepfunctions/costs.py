"""What one run of a machine costs: transitions, which are paid for, and history events, of which AWS has a quota."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ductwork.backends.stepfunctions import run_states
from ductwork.backends.stepfunctions.asl.integrations import TASK_FAILED
from ductwork.backends.stepfunctions.regions.region import AFTER, RESUME
from ductwork.backends.stepfunctions.waits import telling
from ductwork.contracts.stepfunctions_limits import MAX_DEFINITION_BYTES, MAX_EVENTS, MAX_PAYLOAD_BYTES

# History events of one visit to a state (service quotas count them; see the Step Functions developer guide).
_EVENTS = {"Pass": 2, "Choice": 2, "Wait": 2, "Succeed": 2, "Fail": 1, "Parallel": 4, "Map": 4}
_EVENTS_REQUEST, _EVENTS_JOB = 5, 6
_EVENTS_ITERATION, _EVENTS_DISTRIBUTED = 2, 6
# Of a further try, its TaskRetried included: scheduled, started, submitted, failed.
_EVENTS_RETRY = 5
_JOB = (".sync", ".sync:2", ".waitForTaskToken")
# Choices whose first rule is the happy one; before a task the rules are what diverts it.
_HAPPY_FIRST = {run_states.CHECK, run_states.CALLED}

# Any: a machine or a state as it is printed; JSON, nested.
Machine = Mapping[str, Any]


@dataclass(frozen=True)
class Limits:
    """What one machine may take.

    :param size: bytes of the definition
    :param events: of the history of an execution
    :param payload: bytes of what a state is given or hands on
    """

    size: int = MAX_DEFINITION_BYTES
    events: int = MAX_EVENTS
    payload: int = MAX_PAYLOAD_BYTES


AWS = Limits()


def cost(machine: Machine) -> tuple[int, int]:
    """``(transitions, history events)`` of a run in which every task succeeds at its first try, and every Map has one
    item. The iterations of a distributed Map have histories of their own.
    """
    visited = [state for _, state in happy_path(machine)]
    return len(visited), 2 + sum(map(_events, visited))


def by_state(machine: Machine) -> dict[str, tuple[int, int]]:
    """``(bytes, history events)`` of each state outside Maps, by its name: without its branches, which are with their
    first states, and with one further try of a job that has retries."""
    visited = Counter(name for name, _ in happy_path(machine))
    found: dict[str, tuple[int, int]] = {}
    scopes = [machine]
    while scopes:
        scope = scopes.pop()
        for name, state in scope["States"].items():
            branches = state.get("Branches", ())
            scopes.extend(branches)
            # With its name, two quotes, a colon and a comma.
            size = _bytes({**state, "Branches": []} if branches else state) + len(name.encode()) + 4
            if name == scope["StartAt"]:
                size += len(name.encode()) + len('{"StartAt":"","States":{}},')
            retried = _EVENTS_RETRY if _is_job(state) and _is_tried_again(state) else 0
            found[name] = size, visited[name] * (_events(state) + retried)
    return found


def _is_tried_again(state: Machine) -> bool:
    return any(TASK_FAILED in retrier["ErrorEquals"] for retrier in state.get("Retry", ()))


def excesses(machine: Machine, further_events: int = 0, limits: Limits = AWS) -> Iterator[str]:
    """What of a machine is more than AWS takes, the worst first.

    :param further_events: of a run's history, besides those of :func:`cost`
    """
    events = cost(machine)[1] + further_events
    if events > limits.events:
        yield f"a run makes {events:,} history events, AWS allows {limits.events:,}"
    size = _bytes(machine)
    if size > limits.size:
        yield f"the definition takes {size:,} bytes, AWS accepts {limits.size:,}"
    opening = machine["States"].get(run_states.START)
    size = len(json.dumps(opening["Arguments"], ensure_ascii=False).encode()) if opening else 0
    if size > limits.payload:
        yield f"what workers must know of all tasks takes {size:,} bytes, AWS hands a state {limits.payload:,}"


# Made once: for each text of its own, most of the time would go into this.
_MINIFIED = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def _bytes(value: Machine) -> int:
    text = _MINIFIED.encode(value)
    return len(text) if text.isascii() else len(text.encode())


def nesting(machine: Machine) -> int:
    """How many Parallels and Maps are around the innermost state."""
    deepest, scopes = 0, [machine]
    while scopes := [inner for scope in scopes for inner in _inside(scope)]:
        deepest += 1
    return deepest


def _inside(scope: Machine) -> Iterator[Machine]:
    for state in scope["States"].values():
        yield from state.get("Branches", ())
        if "ItemProcessor" in state:
            yield state["ItemProcessor"]


def happy_path(scope: Machine) -> Iterator[tuple[str, Machine]]:
    """The states such a run visits, with their names."""
    name = scope["StartAt"]
    looked: Counter[str] = Counter()
    while name is not None:
        state = scope["States"][name]
        yield name, state
        for branch in state.get("Branches", ()):
            yield from happy_path(branch)
        if state["Type"] == "Map" and not _is_distributed(state):
            yield from happy_path(state["ItemProcessor"])
        if state["Type"] == "Choice":
            looked[name] += 1
            again = looked[name] < telling.rounds(str(state["Choices"][-1]["Condition"]))
            name = str(state["Choices"][-1]["Next"]) if again else _happy(name, state)
        else:
            name = state.get("Next")


def _happy(name: str, choice: Machine) -> str:
    """The state that follows a Choice on such a run."""
    rules = list(choice["Choices"])
    if name.startswith(AFTER):
        del rules[0]
    elif name not in _HAPPY_FIRST and not name.startswith(RESUME):
        rules = []
    return str(rules[0]["Next"] if rules else choice["Default"])


def _is_distributed(state: Machine) -> bool:
    return bool(state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED")


def _is_job(state: Machine) -> bool:
    """Whether a state waits for what it has started."""
    return state["Type"] == "Task" and str(state["Resource"]).endswith(_JOB)


def _events(state: Machine) -> int:
    if state["Type"] == "Map":
        return _EVENTS_DISTRIBUTED if _is_distributed(state) else _EVENTS["Map"] + _EVENTS_ITERATION
    if state["Type"] == "Task":
        return _EVENTS_JOB if _is_job(state) else _EVENTS_REQUEST
    return _EVENTS[state["Type"]]
