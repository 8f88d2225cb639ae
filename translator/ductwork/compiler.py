"""The compiler: DAG files in, compiled schedules out.

Its stages, each in a room of its own: *load* (``frontend``: Airflow reads the file, we keep plain data), *check* what
this version cannot compile (``checks``), *lower* the DAG to a workflow (``lowering``: each operator by its rule, of
``rules``, deployment values by ``deployment``), *rewrite* the workflow (``passes``), *emit* JSON (``backends``). Every
stage adds to one collection of diagnostics, and a DAG with an error is not emitted; the others are.

The price of letting Airflow read the files is its import, some seconds; nothing in this module needs it before
:func:`load` is called.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ductwork import backends, ir
from ductwork.checks import unsupported
from ductwork.contracts import machine_bundle
from ductwork.contracts.aws_schedules import StartedBy
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.task_facts import Facts
from ductwork.diagnostics import Diagnostics, Origin, guard, present
from ductwork.ir.snapshot import DagSnapshot
from ductwork.lowering.settings import Settings
from ductwork.lowering.workflow import lower_dag
from ductwork.passes import PASSES
from ductwork.passes.job_definitions import needed
from ductwork.schedules import intervals, started_by
from ductwork.startup import airflow_imports, collector_at_rest

# EventBridge Scheduler starts state machines.
_WITHOUT_SCHEDULES = ("batch", "schedule")


@dataclass(frozen=True)
class Artefact:
    """One compiled DAG.

    :param kind: the target's file kind, e.g. ``asl``: the file is ``<dag_id>.<kind>.json``
    :param document: plain JSON data; where one state machine is too little, a bundle (``contracts.machine_bundle``)
    :param job_definitions: RegisterJobDefinition requests for the images that tasks name
    :param started_by: what starts its runs when Airflow would
    """

    dag_id: str
    kind: str
    document: Mapping[str, Any]
    job_definitions: Sequence[Mapping[str, Any]] = ()
    started_by: StartedBy = field(default_factory=StartedBy)

    @property
    def parts(self) -> Mapping[str, JsonObject]:
        """The definitions of child machines, by the suffix of their names; empty for most DAGs."""
        return machine_bundle.read(self.document)["parts"]

    @property
    def facts(self) -> Facts | None:
        """What is to be in the ledger of all tasks before a run starts; None where the document itself sees to that."""
        manifest = machine_bundle.read(self.document)["manifest"]
        return manifest["tasks"] if manifest else None

    def text(self, *, indent: bool = False) -> str:
        """The document as JSON text, see :func:`to_json`."""
        return to_json(self.document, indent=indent)


@dataclass(frozen=True)
class Options:
    """What the caller asks for.

    :param deployment: deployment values of the command line, by field name
    :param restartable: emit what lets a failed run be restarted where it stopped
    :param engine: what decides in a state machine which task runs when: its ``states``, or ``batch``, by a job chain's
        dependencies
    :param unattended: no Airflow starts the runs, so a schedule that nothing honours is reported
    :param fallback: deployment values, by field name, where nobody else gives any
    """

    target: str = "stepfunctions"
    dag_id: str | None = None
    deployment: Mapping[str, object] = field(default_factory=dict)
    restartable: bool = True
    engine: str = "states"
    unattended: bool = False
    fallback: Mapping[str, object] = field(default_factory=dict)


@dataclass
class Compiled:
    """Everything one call made of the files."""

    workflows: list[ir.Workflow]
    artefacts: list[Artefact]
    diagnostics: Diagnostics


def compile_paths(paths: Sequence[str], options: Options) -> Compiled:
    """Compile every DAG of the files and folders given."""
    diagnostics = Diagnostics()
    if not (there := present(paths, diagnostics)):
        return Compiled([], [], diagnostics)  # without Airflow, whose import takes seconds
    return _compile(load(there, options.dag_id, diagnostics), options, diagnostics)


def compile_loaded(dag: object, options: Options) -> Compiled:
    """Compile a DAG that Airflow is loading, without reading its file a second time.

    What only a second reading shows (a clock, another import) is not reported.

    :param dag: an ``airflow.sdk.DAG``
    """
    diagnostics = Diagnostics()
    with airflow_imports():
        from ductwork.frontend.loader import snapshot_loaded

    return _compile(snapshot_loaded(dag, diagnostics), options, diagnostics)


def _compile(dags: Sequence[DagSnapshot], options: Options, diagnostics: Diagnostics) -> Compiled:
    settings = Settings.read(
        options.deployment,
        diagnostics,
        restartable=options.restartable,
        unattended=options.unattended and options.target in _WITHOUT_SCHEDULES,
        fallback=options.fallback,
    )
    workflows = []
    for dag in dags:
        with guard.reported(dag.origin, diagnostics, "while the DAG is compiled", dag_id=dag.dag_id):
            check(dag, settings, diagnostics)
            workflows.append(rewrite(lower_dag(dag, settings, diagnostics), diagnostics))
    sound = [workflow for workflow in workflows if not diagnostics.failed_for(workflow.dag_id)]
    artefacts = [] if settings.broken else _emit_all(sound, options, diagnostics)
    return Compiled(sound, artefacts, diagnostics)


def load(paths: Sequence[str], dag_id: str | None, diagnostics: Diagnostics) -> list[DagSnapshot]:
    """The DAGs of the files, or the one asked for."""
    with airflow_imports():
        from ductwork.frontend.loader import load as load_files

    dags = load_files(paths, diagnostics)
    if dag_id is None:
        return dags
    chosen = [dag for dag in dags if dag.dag_id == dag_id]
    if not chosen and not diagnostics.failed:
        defined = ", ".join(sorted(dag.dag_id for dag in dags)) or "none"
        origin = Origin(paths[0] if paths else "")
        diagnostics.add("DW107", origin, f"no DAG {dag_id!r}", f"these are defined: {defined}", field="--dag-id")
    return chosen


def check(dag: DagSnapshot, settings: Settings, diagnostics: Diagnostics) -> None:
    """Report what this version cannot compile, and what a schedule says that nobody would follow."""
    computes = dag.timetable is not None and intervals.rule_of(dag.timetable) is not None
    unsupported.check(dag, settings.pools, diagnostics, computes_interval=computes)
    if settings.unattended:
        unsupported.check_schedule(dag, diagnostics)


def rewrite(workflow: ir.Workflow, diagnostics: Diagnostics) -> ir.Workflow:
    """The workflow after all passes, in their order."""
    for rewritten in PASSES:
        workflow = rewritten(workflow, diagnostics)
    return workflow


def _emit_all(workflows: Sequence[ir.Workflow], options: Options, diagnostics: Diagnostics) -> list[Artefact]:
    artefacts = []
    kind = backends.backend(options.target, options.engine).kind
    for workflow in workflows:
        document, starts = None, StartedBy()
        reported = guard.reported(workflow.origin, diagnostics, "while its JSON is written", dag_id=workflow.dag_id)
        with reported, collector_at_rest():
            document = backends.emit(workflow, options.target, options.engine, diagnostics)
            if options.unattended and options.target not in _WITHOUT_SCHEDULES:
                starts = started_by(workflow, diagnostics)
        if document is not None and not diagnostics.failed_for(workflow.dag_id):
            artefacts.append(Artefact(workflow.dag_id, kind, document, needed(workflow, document), starts))
    return artefacts


def to_json(document: object, *, indent: bool = False) -> str:
    """The same data always as the same text: keys stay in the order they were made in."""
    if indent:
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
