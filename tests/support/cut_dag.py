"""A small DAG as several machines, as the compiler cuts large ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from ductwork.backends.stepfunctions import costs, machine
from ductwork.cloudformation.compiling import FALLBACK
from ductwork.compiler import Artefact, Options, compile_paths
from ductwork.contracts import machine_bundle
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Workflow


def cut(path: Path, percent: int = 60) -> tuple[Artefact, Workflow]:
    """The one DAG of a file, for a stack, in machines that may have so much of what the whole takes."""
    compiled = compile_paths([str(path)], Options(fallback=FALLBACK))
    (workflow,), (whole,) = compiled.workflows, compiled.artefacts
    limits = replace(costs.AWS, size=len(whole.text().encode()) * percent // 100)
    document = json.loads(json.dumps(machine.emit(workflow, Diagnostics(), limits=limits)))
    assert machine_bundle.read(document)["parts"]
    return Artefact(workflow.dag_id, "asl", document, whole.job_definitions), workflow
