"""The back ends, by target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ductwork.backends.batch import chain
from ductwork.backends.chain_machine import machine as chain_machine
from ductwork.backends.schedule_document import document
from ductwork.backends.stepfunctions import machine
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Workflow


@dataclass(frozen=True)
class Backend:
    """
    :param kind: the middle of the file name, ``<dag_id>.<kind>.json``
    :param emit: the JSON document, or None if diagnostics say why there is none
    """

    kind: str
    emit: Callable[[Workflow, Diagnostics], Mapping[str, Any] | None]


# Which of Step Functions and Batch decides what runs when, in a state machine.
ENGINES: dict[str, Backend] = {
    "states": Backend("asl", machine.emit),
    "batch": Backend("asl", chain_machine.emit),
}
BACKENDS: dict[str, Backend] = {
    "stepfunctions": ENGINES["states"],
    "batch": Backend("batch", chain.emit),
    "schedule": Backend("schedule", document.emit),
}


def backend(target: str, engine: str) -> Backend:
    """
    :param engine: of target ``stepfunctions``; others have none
    """
    return ENGINES[engine] if target == "stepfunctions" else BACKENDS[target]
