"""The compiler: DAG files in, compiled schedules out.

Its stages, each in a room of its own: *load* (``frontend``: Airflow reads the file, we keep plain data), *check* what
this version cannot compile (``support``), *lower* each operator to work (``rules``), *resolve* deployment values
(``deployment``), *rewrite* the workflow (``passes``), *emit* JSON (``backends``). Every stage adds to one collection of
diagnostics, and a DAG with an error is not emitted; the others are.

The price of letting Airflow read the files is its import, some seconds; nothing in this module needs it before
:func:`load` is called.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ductwork import batch_limits, deployment, graph, ir, support
from ductwork.backends import Backend, backend
from ductwork.diagnostics import Diagnostics, Origin
from ductwork.ledger_schema import pool_key, run_limit_key, task_limit_key
from ductwork.passes import PASSES
from ductwork.passes.job_definitions import needed
from ductwork.relations import Relations
from ductwork.rules import lower
from ductwork.snapshot import DagSnapshot, TaskSnapshot


@dataclass(frozen=True)
class Artefact:
    """One compiled DAG.

    :param kind: the target's file kind, e.g. ``asl``: the file is ``<dag_id>.<kind>.json``
    :param document: plain JSON data
    :param job_definitions: RegisterJobDefinition requests for the images that tasks name
    """

    dag_id: str
    kind: str
    document: Mapping[str, Any]
    job_definitions: Sequence[Mapping[str, Any]] = ()

    def text(self, *, indent: bool = False) -> str:
        return to_json(self.document, indent=indent)


@dataclass(frozen=True)
class Options:
    """What the caller asks for.

    :param deployment: deployment values of the command line, by field name
    :param restartable: emit what lets a failed run be restarted where it stopped
    :param engine: what decides in a state machine which task runs when: its ``states``, or ``batch``, by a job chain's
        dependencies
    """

    target: str = "stepfunctions"
    dag_id: str | None = None
    deployment: Mapping[str, Any] = field(default_factory=dict)
    restartable: bool = True
    engine: str = "states"


@dataclass
class Compiled:
    """Everything one call made of the files."""

    workflows: list[ir.Workflow]
    artefacts: list[Artefact]
    diagnostics: Diagnostics


def compile_paths(paths: Sequence[str], options: Options) -> Compiled:
    """Compile every DAG of the files and folders given."""
    diagnostics = Diagnostics()
    dags = load(paths, options.dag_id, diagnostics)
    settings = _Settings.read(options, diagnostics)
    workflows = [build(dag, settings, diagnostics) for dag in dags]
    sound = [workflow for workflow in workflows if not diagnostics.failed_for(workflow.dag_id)]
    artefacts = [] if settings.broken else _emit_all(sound, backend(options.target, options.engine), diagnostics)
    return Compiled(sound, artefacts, diagnostics)


def load(paths: Sequence[str], dag_id: str | None, diagnostics: Diagnostics) -> list[DagSnapshot]:
    """The DAGs of the files, or the one asked for."""
    from ductwork.frontend.loader import load as load_files

    dags = load_files(paths, diagnostics)
    if dag_id is None:
        return dags
    chosen = [dag for dag in dags if dag.dag_id == dag_id]
    if not chosen and not diagnostics.failed:
        known = ", ".join(sorted(dag.dag_id for dag in dags)) or "none"
        origin = Origin(paths[0] if paths else "")
        diagnostics.add("DW107", origin, f"no DAG {dag_id!r}", f"these are defined: {known}", field="--dag-id")
    return chosen


@dataclass(frozen=True)
class _Settings:
    """Deployment values that hold for all tasks."""

    common: ir.Deployment
    broken: bool
    restartable: bool
    pools: Mapping[str, int]
    max_map_length: int

    @classmethod
    def read(cls, options: Options, diagnostics: Diagnostics) -> _Settings:
        from ductwork.frontend.settings import configured, max_map_length

        own = Diagnostics()
        flags = deployment.Reader(Origin("command line"), own).values(options.deployment)
        reader, section = deployment.Reader(Origin("airflow.cfg [ductwork]"), own), configured()
        pools = reader.pools(section.pop("pools", ""))
        conf = reader.values(section)
        diagnostics.extend(own)
        common = deployment.merge(flags, conf, deployment.SUBSTITUTED)
        return cls(common, own.failed, options.restartable, pools, max_map_length())


def build(dag: DagSnapshot, settings: _Settings, diagnostics: Diagnostics) -> ir.Workflow:
    """One DAG's workflow, after all passes."""
    support.check(dag, settings.pools, diagnostics)
    upstream = {task.task_id: task.upstream for task in dag.tasks}
    by_id = {task.task_id: task for task in dag.tasks}
    relations = Relations(dag.tasks)
    workflow = ir.Workflow(
        dag_id=dag.dag_id,
        origin=dag.origin,
        dag_file=dag.dag_file,
        bundle_path=dag.bundle_path,
        tasks=tuple(
            _build_task(dag.dag_id, by_id[task_id], relations, settings, diagnostics)
            for task_id in graph.topological(upstream)
        ),
        ledger_table=settings.common.ledger_table or "",
        task_groups=dag.task_groups,
        groups={group: length for group, length in dag.groups.items() if length is not None},
        deployment=settings.common,
        timeout=dag.settings.get("dagrun_timeout"),
        max_map_length=settings.max_map_length,
        max_active_runs=dag.settings.get("max_active_runs"),
        calls_back=tuple(end for end, name in ir.RUN_CALLBACKS.items() if dag.settings.get(name)),
        restartable=settings.restartable,
        assets=dag.assets,
        written=tuple(by_id),
        scheduled=dag.scheduled,
        title=dag.title,
        tags=dag.tags,
        sns_topic=dag.sns_topic,
    )
    for rewrite in PASSES:
        workflow = rewrite(workflow, diagnostics)
    return workflow


def _build_task(
    dag_id: str, task: TaskSnapshot, relations: Relations, settings: _Settings, diagnostics: Diagnostics
) -> ir.Task:
    reader = deployment.Reader(task.origin, diagnostics, dag_id=dag_id, task_id=task.task_id)
    values = deployment.merge(reader.executor_config(task.executor_config), settings.common)
    found = Diagnostics()
    work = _work(task, values, found)
    # A rule knows its task only; which DAG it is in is added here.
    diagnostics.extend(_in_dag(found, dag_id))
    return ir.Task(
        task_id=task.task_id,
        origin=task.origin,
        operator=task.operator,
        work=work,
        upstream=task.upstream,
        trigger_rule=task.trigger_rule,
        setups=relations.setups(task),
        scope=relations.scope(task),
        skips=relations.skips(task),
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        fails_run=task.fails_run,
        reschedules=task.arguments.get("mode") == "reschedule",
        retry=ir.Retry(task.retries, task.retry_delay, task.retry_backoff, task.max_retry_delay),
        execution_timeout=task.execution_timeout,
        may_defer=task.may_defer,
        calls_back=_calls_back(task),
        length=task.length,
        within=task.within,
        group=task.group,
        slots=_slots(dag_id, task, settings.pools),
        at_once=task.settings.get("max_active_tis_per_dagrun") if task.is_mapped else None,
        past="all"
        if task.settings.get("wait_for_downstream")
        else "self"
        if task.settings.get("depends_on_past")
        else "",
        deployment=_prioritised(dag_id, task, values, diagnostics),
    )


def _work(task: TaskSnapshot, values: ir.Deployment, diagnostics: Diagnostics) -> ir.Work:
    if values.native is False and not task.is_empty:
        return ir.Worker("executor_config or [ductwork] asks for Airflow's own operator in a worker")
    found = Diagnostics()
    work = lower(task, found)
    diagnostics.extend(finding for finding in found if not deployment.settles(values, finding))
    return work


def _prioritised(dag_id: str, task: TaskSnapshot, found: ir.Deployment, diagnostics: Diagnostics) -> ir.Deployment:
    """Airflow's priority_weight as Batch's scheduling priority, which queues with fair shares know."""
    weight = task.settings.get("priority_weight")
    if weight is None or found.scheduling_priority is not None:
        return found
    if found.share_identifier is None:
        what = "priority_weight does not order jobs: only fair-share queues have priorities"
        hint = "use a queue with a scheduling policy, and name a share_identifier"
        about = {"dag_id": dag_id, "task_id": task.task_id, "field": "priority_weight"}
        diagnostics.add("DW308", task.origin, what, hint, **about)
        return found
    return replace(found, scheduling_priority=min(max(int(weight), 0), batch_limits.MAX_SCHEDULING_PRIORITY))


def _slots(dag_id: str, task: TaskSnapshot, pools: Mapping[str, int]) -> tuple[ir.Slots, ...]:
    """The limits a task is under; one takes its slots in the same order as every other."""
    found: list[ir.Slots] = []
    if limit := task.settings.get("max_active_tis_per_dag"):
        found.append(ir.Slots("own", "max_active_tis_per_dag", task_limit_key(dag_id, task.task_id), int(limit)))
    # Of a mapped task a Map knows; of any other there is one instance in a run.
    if task.group and (limit := task.settings.get("max_active_tis_per_dagrun")):
        key = run_limit_key(task.task_id)
        found.append(ir.Slots("run's own", "max_active_tis_per_dagrun", key, int(limit)))
    if (pool := str(task.settings.get("pool") or "")) in pools:
        found.append(
            ir.Slots(f"pool {pool}", "pool", pool_key(pool), pools[pool], int(task.settings.get("pool_slots") or 1))
        )
    return tuple(found)


def _calls_back(task: TaskSnapshot) -> bool:
    mails = task.settings.get("email") and task.settings.get("email_on_failure", True)
    return bool(task.settings.get("on_failure_callback") or mails)


def _in_dag(found: Diagnostics, dag_id: str) -> Diagnostics:
    return Diagnostics([replace(finding, dag_id=dag_id) for finding in found])


def _emit_all(workflows: Sequence[ir.Workflow], emitter: Backend, diagnostics: Diagnostics) -> list[Artefact]:
    artefacts = []
    for workflow in workflows:
        document = emitter.emit(workflow, diagnostics)
        if document is not None and not diagnostics.failed_for(workflow.dag_id):
            artefacts.append(Artefact(workflow.dag_id, emitter.kind, document, needed(workflow)))
    return artefacts


def to_json(document: Any, *, indent: bool = False) -> str:
    """The same data always as the same text: keys stay in the order they were made in."""
    if indent:
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
