"""One Airflow DAG as a :class:`~ductwork.ir.snapshot.DagSnapshot`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ductwork.diagnostics import Diagnostics, guard
from ductwork.frontend import fields, mapping, notices, schedules, xcoms
from ductwork.frontend.operators import groups_around, setups_above, snapshot_operator
from ductwork.frontend.plain import plain
from ductwork.frontend.processing import Location
from ductwork.frontend.settings import default_zone
from ductwork.frontend.source import SourceMap
from ductwork.ir.assets import Asset
from ductwork.ir.snapshot import DagSnapshot, TaskSnapshot
from ductwork.ir.task_groups import TaskGroup

if TYPE_CHECKING:
    from airflow.sdk import DAG


def snapshot_dag(
    dag: DAG, place: Location, source_map: SourceMap, named: tuple[Asset, ...], diagnostics: Diagnostics
) -> DagSnapshot | None:
    """A DAG as plain data.

    :param dag: an ``airflow.sdk.DAG`` of a loaded file
    :param named: the assets it names
    :return: None if an author's code, which runs while its tasks are read, has raised; the diagnostic is added
    """
    tasks = _tasks(dag, source_map, diagnostics)
    if tasks is None:
        return None
    given, why = schedules.asked(dag)
    return DagSnapshot(
        dag_id=plain(dag.dag_id),
        origin=source_map.dag(dag.dag_id),
        dag_file=place.relative,
        bundle_path=str(place.bundle),
        tasks=tasks,
        mapped_groups={
            plain(group.group_id): mapping.length_of(group._expand_input)
            for group in (task.get_closest_mapped_task_group() for task in dag.tasks)
            if group is not None
        },
        task_groups={
            plain(group.group_id): TaskGroup(str(group.label), str(group.tooltip or ""))
            for task in dag.tasks
            for group in groups_around(task)
        },
        settings=_dag_settings(dag) | given,
        assets=named,
        schedule=". ".join(filter(None, (schedules.told(dag), why))),
        timetable=schedules.read(dag),
        title=plain(dag.description) or plain(dag.dag_display_name),
        tags=tuple(sorted(map(plain, dag.tags))),
        sns_topic=notices.topic(dag),
    )


def _tasks(dag: DAG, source_map: SourceMap, diagnostics: Diagnostics) -> tuple[TaskSnapshot, ...] | None:
    snapshots: list[TaskSnapshot] = []
    before, zone = len(diagnostics), default_zone()
    for task in dag.tasks:
        origin = source_map.task(dag.dag_id, task.task_id)
        about = {"dag_id": plain(dag.dag_id), "task_id": plain(task.task_id)}
        with guard.reported(origin, diagnostics, "while the task is read", **about):
            snapshots.append(snapshot_operator(task, origin, zone))
    if len(diagnostics) > before:
        return None
    read, setups = xcoms.readers(dag.tasks), setups_above(dag.tasks)
    return tuple(
        replace(task, read_by=read.get(task.task_id, ()), setups=setups.get(task.task_id, ()))
        if task.task_id in read or task.task_id in setups
        else task
        for task in snapshots
    )


def _dag_settings(dag: DAG) -> dict[str, object]:
    from airflow.configuration import conf

    unset = {
        "max_active_runs": conf.getint("core", "max_active_runs_per_dag"),
        "max_active_tasks": conf.getint("core", "max_active_tasks_per_dag"),
    }
    names = [name for name, treatment in fields.DAG.items() if treatment == fields.LIMITS or name in fields.DAG_READ]
    values = {name: plain(getattr(dag, name, None)) for name in names}
    settings = {name: value for name, value in values.items() if fields.says(name, value) and value != unset.get(name)}
    return settings
