"""The back ends, by target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ductwork.backends.batch import chain
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


BACKENDS: dict[str, Backend] = {
    "stepfunctions": Backend("asl", machine.emit),
    "batch": Backend("batch", chain.emit),
    "schedule": Backend("schedule", document.emit),
}
