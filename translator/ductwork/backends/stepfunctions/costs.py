"""What one run of a machine costs: transitions, which are paid for, and history events, of which there are 25,000."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ductwork.backends.stepfunctions import run

MAX_DEFINITION_BYTES = 1_048_576
MAX_EVENTS = 25_000

# History events of one visit to a state (service quotas count them; see the Step Functions developer guide).
_EVENTS = {"Pass": 2, "Choice": 2, "Wait": 2, "Succeed": 2, "Fail": 1, "Parallel": 4, "Map": 4}
_EVENTS_REQUEST, _EVENTS_JOB = 5, 6
_EVENTS_ITERATION, _EVENTS_DISTRIBUTED = 2, 6
# Choices whose first rule is the happy one; before a task the rules are what diverts it.
_HAPPY_FIRST = {run.CHECK, run.CALLED}


def cost(machine: Mapping[str, Any]) -> tuple[int, int]:
    """``(transitions, history events)`` of a run in which every task succeeds at its first try, and every Map has one
    item. The iterations of a distributed Map have histories of their own.
    """
    visited = list(_happy_path(machine))
    return len(visited), 2 + sum(map(_events, visited))


def excesses(machine: Mapping[str, Any], further_events: int = 0) -> Iterator[str]:
    """What of a machine is more than AWS takes, the worst first.

    :param further_events: of a run's history, besides those of :func:`cost`
    """
    events = cost(machine)[1] + further_events
    if events > MAX_EVENTS:
        yield f"a run makes {events:,} history events, AWS allows {MAX_EVENTS:,}"
    size = len(json.dumps(machine, separators=(",", ":"), ensure_ascii=False).encode())
    if size > MAX_DEFINITION_BYTES:
        yield f"the definition takes {size:,} bytes, AWS accepts {MAX_DEFINITION_BYTES:,}"


def _happy_path(scope: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The states such a run visits."""
    name = scope["StartAt"]
    while name is not None:
        state = scope["States"][name]
        yield state
        for branch in state.get("Branches", ()):
            yield from _happy_path(branch)
        if state["Type"] == "Map" and not _is_distributed(state):
            yield from _happy_path(state["ItemProcessor"])
        if state["Type"] == "Choice":
            name = state["Choices"][0]["Next"] if name in _HAPPY_FIRST else state["Default"]
        else:
            name = state.get("Next")


def _is_distributed(state: Mapping[str, Any]) -> bool:
    return bool(state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED")


def _events(state: Mapping[str, Any]) -> int:
    if state["Type"] == "Map":
        return _EVENTS_DISTRIBUTED if _is_distributed(state) else _EVENTS["Map"] + _EVENTS_ITERATION
    if state["Type"] == "Task":
        return _EVENTS_JOB if str(state["Resource"]).endswith((".sync", ".waitForTaskToken")) else _EVENTS_REQUEST
    return _EVENTS[state["Type"]]
