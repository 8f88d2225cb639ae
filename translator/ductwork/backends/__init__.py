"""The back ends, by target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ductwork.backends.batch import chain
from ductwork.backends.chain_machine import machine as chain_machine
from ductwork.backends.schedule_document import document
from ductwork.backends.stepfunctions import machine
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Workflow


@dataclass(frozen=True)
class Backend:
    """What writes the document of a target.

    :param kind: the middle of the file name, ``<dag_id>.<kind>.json``
    :param emit: the JSON document, or None if diagnostics say why there is none
    """

    kind: str
    emit: Callable[[Workflow, Diagnostics], Mapping[str, object] | None]


_SPLIT = (
    "split the DAG in two: a TriggerDagRunOperator at the end of the first starts the second; or, from Airflow, two "
    "SubmitScheduleOperators, one after the other, run them"
)

# What it says depends on how a DAG is carried.
_TOO_LARGE = "DW311"

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
    """The back end of a target.

    :param engine: of target ``stepfunctions``; others have none
    """
    return ENGINES[engine] if target == "stepfunctions" else BACKENDS[target]


def emit(workflow: Workflow, target: str, engine: str, diagnostics: Diagnostics) -> Mapping[str, object] | None:
    """The document of one workflow; what is too large for one machine is told what would carry it."""
    found = Diagnostics()
    emitter = backend(target, engine)
    document = emitter.emit(workflow, found)
    diagnostics.extend(
        replace(finding, hint=_roomier(workflow, emitter)) if finding.code == _TOO_LARGE else finding
        for finding in found
    )
    return document


def _roomier(workflow: Workflow, refused: Backend) -> str:
    others = {
        "--engine batch": ENGINES["batch"],
        "--target batch": BACKENDS["batch"],
        "--target stepfunctions without --engine batch": ENGINES["states"],
    }
    fits = [flag for flag, other in others.items() if other is not refused and _carries(other, workflow)]
    return f"compile it with {' or '.join(fits)}, which can carry it; or {_SPLIT}" if fits else _SPLIT


def _carries(emitter: Backend, workflow: Workflow) -> bool:
    trial = Diagnostics()
    return emitter.emit(workflow, trial) is not None and not trial.failed
