"""A DAG as Airflow has it becomes a workflow."""

from __future__ import annotations

from dataclasses import replace

from ductwork import ir
from ductwork.diagnostics import Diagnostics
from ductwork.ir.snapshot import PARTITION_KEY, DagSnapshot
from ductwork.ir.window import common
from ductwork.lowering import bounds
from ductwork.lowering.settings import Settings
from ductwork.lowering.task import lower_task
from ductwork.planning import partial_order
from ductwork.semantics.setups_and_skips import Relations


def lower_dag(dag: DagSnapshot, settings: Settings, diagnostics: Diagnostics) -> ir.Workflow:
    """One DAG's workflow, as the rules have it: no pass has rewritten it."""
    # Runs that updates of assets start have no logical date.
    dateless = dag.timetable is not None and dag.timetable.by_assets is not None
    if dateless:
        unbounded = (replace(task, window=replace(task.window, dateless=True)) for task in dag.tasks)
        dag = replace(dag, tasks=tuple(unbounded))
    upstream = {task.task_id: task.upstream for task in dag.tasks}
    by_id = {task.task_id: task for task in dag.tasks}
    relations = Relations(dag.tasks)
    shared = common(task.window for task in dag.tasks)
    return ir.Workflow(
        dag_id=dag.dag_id,
        origin=dag.origin,
        dag_file=dag.dag_file,
        bundle_path=dag.bundle_path,
        tasks=tuple(
            lower_task(dag.dag_id, by_id[task_id], relations, settings, diagnostics, beside=shared, dateless=dateless)
            for task_id in partial_order.topological(upstream)
        ),
        ledger_table=settings.common.ledger_table or "",
        task_groups=dag.task_groups,
        mapped_groups={group: length for group, length in dag.mapped_groups.items() if length is not None},
        deployment=settings.common,
        timeout=bounds.dagrun_timeout(dag.settings.get("dagrun_timeout")),
        max_map_length=settings.max_map_length,
        max_active_runs=dag.settings.get("max_active_runs"),
        calls_back=tuple(end for end, name in ir.RUN_CALLBACKS.items() if dag.settings.get(name)),
        restartable=settings.restartable,
        assets=dag.assets,
        source_order=tuple(by_id),
        title=dag.title,
        tags=dag.tags,
        partitioned=PARTITION_KEY in dag.settings,
        sns_topic=dag.sns_topic,
        window=shared,
        fail_fast=bool(dag.settings.get("fail_fast")),
        timetable=dag.timetable,
    )
