"""Our own static check of an emitted state machine: what AWS would refuse, and what would only fail in a run.

``problems(machine)`` lists the findings; ``assert_sound(machine)`` is for tests. AWS's own check needs a network and sees
only half of this: it follows neither data nor variables, nor the arguments of service calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asl_flow import check_flow
from asl_problem import Problem
from asl_requests import check_requests, check_run
from asl_structure import check_structure
from ductwork.contracts import machine_bundle

__all__ = ["Problem", "assert_sound", "problems"]

# Where the structure is broken, the later checks would stumble over it.
_BROKEN = {"type", "target", "field"}


def problems(machine: dict[str, Any]) -> list[Problem]:
    """
    :param machine: a definition, or a bundle of which each machine is checked, children with what they are given
    """
    bundle = machine_bundle.read(machine)
    machines: list[Any] = machine_bundle.machines(machine)
    found = [problem for each in machines for problem in check_structure(each)]
    if not any(problem.rule in _BROKEN for problem in found):
        found += check_flow(machines[0], dict(bundle["parts"]))
        found += [problem for each in machines for problem in check_requests(each)]
        found += check_run(machines)
    return found + list(_check_parts(bundle))


def _check_parts(bundle: machine_bundle.MachineBundle) -> Iterator[Problem]:
    """Each part is named after its definition, and started in one place."""
    machines = [bundle["definition"], *bundle["parts"].values()]
    started = [suffix for each in machines for suffix in machine_bundle.children(each)]
    if sorted(started) != sorted(bundle["parts"]):
        yield Problem("parts", "bundle", f"{sorted(bundle['parts'])} are there, and {sorted(started)} are started")
    for name, part in bundle["parts"].items():
        if name != machine_bundle.suffix(int(name.partition("-")[0]), part):
            yield Problem("parts", name, "is not named after its definition")


def assert_sound(machine: dict[str, Any]) -> None:
    if found := problems(machine):
        raise AssertionError("the state machine is not sound:\n" + "\n".join(map(str, found)))
