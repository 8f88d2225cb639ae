"""Our own static check of an emitted state machine: what AWS would refuse, and what would only fail in a run.

``problems(machine)`` lists the findings; ``assert_sound(machine)`` is for tests. AWS's own check needs a network and sees
only half of this: it follows neither data nor variables, nor the arguments of service calls.
"""

from __future__ import annotations

from typing import Any

from asl_flow import check_flow
from asl_problem import Problem
from asl_requests import check_requests
from asl_structure import check_structure

__all__ = ["Problem", "assert_sound", "problems"]

# Where the structure is broken, the later checks would stumble over it.
_BROKEN = {"type", "target", "field"}


def problems(machine: dict[str, Any]) -> list[Problem]:
    found = list(check_structure(machine))
    if not any(problem.rule in _BROKEN for problem in found):
        found += [*check_flow(machine), *check_requests(machine)]
    return found


def assert_sound(machine: dict[str, Any]) -> None:
    if found := problems(machine):
        raise AssertionError("the state machine is not sound:\n" + "\n".join(map(str, found)))
