"""Small DAGs as several machines: compiled for machines of which each has less room than the whole would take."""

from __future__ import annotations

from dataclasses import replace

from ductwork.backends.stepfunctions import costs, machine
from ductwork.compiler import to_json
from ductwork.contracts import machine_bundle
from ductwork.contracts.json_types import JsonObject
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Workflow

# Of the bytes of the whole; what a machine needs besides its tasks is most of a small one.
_SHARES = (0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)


def cut(workflow: Workflow) -> JsonObject | None:
    """The bundle of the smallest machines that carry a workflow; None where a single task takes most of the room."""
    whole = machine.emit(workflow, Diagnostics())
    if whole is None:
        return None
    size = len(to_json(whole).encode())
    for share in _SHARES:
        made = machine.emit(workflow, Diagnostics(), limits=replace(costs.AWS, size=int(size * share)))
        if made is not None and machine_bundle.is_bundle(made):
            return made
    return None
