"""What this version does not compile yet, as diagnostics that name the task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ductwork import ir
from ductwork.diagnostics import Diagnostics
from ductwork.ir.snapshot import DATA_INTERVAL, LIMIT_SETTINGS, PARTITION_KEY, DagSnapshot, TaskSnapshot

_HONOURED = {"max_active_runs", "dagrun_timeout", "fail_fast", *ir.RUN_CALLBACKS.values()}
_HINT_LATER_VERSION = "a later version compiles it"
_HINT_COUNTABLE = (
    "expand over XComs, lists, tuples or dictionaries: write list(...) around a range or another sequence, of which "
    "Airflow's scheduler knows the text alone and makes an instance for each of its characters"
)
_HINT_HARMLESS = "the tasks themselves run as under Airflow"
_HINT_ALLOW_ONE = "let at least one go on, or leave the setting out"
_HINT_INSTEAD = {
    "max_active_tasks": "give the tasks a pool, which limits them too",
    "max_consecutive_failed_dag_runs": "whoever starts the runs must stop doing so; inside Airflow it is honoured",
    "allowed_run_types": "whoever starts the runs must keep to it; inside Airflow it is honoured",
}
# Rules of mapped groups that may end a task otherwise if they are asked of all instances at once.
_ASKED_OF_ALL = frozenset({"one_success", "none_failed_min_one_success"})
# Operators whose requests the worker's execution API does not serve.
_UNSERVED = {
    "airflow.providers.standard.operators.hitl.HITLOperator": "it waits for a person's answer in Airflow's UI",
}


def check(
    dag: DagSnapshot, pools: Mapping[str, int], diagnostics: Diagnostics, *, computes_interval: bool = False
) -> None:
    """Report what the DAG has and this version does not compile.

    :param pools: the sizes of Airflow's pools, as far as they are known
    :param computes_interval: machines work out the data intervals of its scheduled runs
    """
    if DATA_INTERVAL in dag.settings and not computes_interval:
        what = "the timetable gives scheduled runs a data interval, which the state machine does not compute"
        hint = "start runs with data_interval_start and data_interval_end, or use a cron trigger timetable"
        diagnostics.add("DW313", dag.origin, what, hint, dag_id=dag.dag_id, field="schedule")
    if dag.settings.get(PARTITION_KEY):
        what = "the timetable gives scheduled runs a partition key, which the state machine does not compute"
        hint = "start runs with partition_key, and partition_date, in their input, or from Airflow"
        diagnostics.add("DW328", dag.origin, what, hint, dag_id=dag.dag_id, field="schedule")
    for name, what in _limits_below_one(dag.settings):
        diagnostics.add("DW307", dag.origin, what, _HINT_ALLOW_ONE, dag_id=dag.dag_id, field=name)
    for name in sorted(dag.settings.keys() - {DATA_INTERVAL, PARTITION_KEY, *_HONOURED}):
        what = f"{name} of the DAG is not honoured"
        diagnostics.add(
            "DW308", dag.origin, what, _HINT_INSTEAD.get(name, _HINT_HARMLESS), dag_id=dag.dag_id, field=name
        )
    for task in dag.tasks:
        _check_task(dag, task, pools, diagnostics)


def check_schedule(dag: DagSnapshot, diagnostics: Diagnostics) -> None:
    """DW330: what starts the DAG under Airflow starts nothing elsewhere."""
    if dag.schedule:
        what = f"nothing outside Airflow starts this DAG by itself, as Airflow does by {dag.schedule}"
        hint = "start each run (ductwork run, aws stepfunctions start-execution, an EventBridge schedule), "
        hint += "or keep the DAG in Airflow, which starts it (SubmitScheduleOperator, delegate)"
        diagnostics.add("DW330", dag.origin, what, hint, dag_id=dag.dag_id, field="schedule")


def _check_task(dag: DagSnapshot, task: TaskSnapshot, pools: Mapping[str, int], diagnostics: Diagnostics) -> None:
    def report(code: str, what: str, hint: str = _HINT_LATER_VERSION, field: str = "") -> None:
        diagnostics.add(code, task.origin, what, hint, dag_id=dag.dag_id, task_id=task.task_id, field=field)

    if (task.is_mapped and task.length is None) or (task.mapped_group and dag.mapped_groups[task.mapped_group] is None):
        report("DW304", "it is expanded over what only Airflow can count", _HINT_COUNTABLE)
        return
    if task.mapped_group and _group_depends_on_itself(dag, task):
        report("DW304", f"{task.mapped_group} depends on a task that depends on {task.mapped_group} itself")
    if task.trigger_rule in _ASKED_OF_ALL and _follows_instances(dag, task):
        what = f"its rule {task.trigger_rule} looks at its own instance of the tasks above it in {task.mapped_group}"
        hint = "decide with all_done and look at the outcomes in the task, or join the instances outside the group"
        report("DW324", f"{what}; Airflow asks it of all of them first", hint, "trigger_rule")
    for operator, why in _UNSERVED.items():
        if operator in task.ancestors:
            report("DW312", f"{task.operator.rsplit('.', 1)[-1]} cannot work: {why}")
    pool = str(task.settings.get("pool") or "")
    if pool and pool not in pools:
        hint = f"say how many slots it has: AIRFLOW__DUCTWORK__POOLS={pool}=5, or pools in [ductwork] of airflow.cfg"
        report("DW308", f"the size of pool {pool!r} is not known, so it does not limit anything", hint, "pool")
    for name, what in _limits_below_one(task.settings):
        report("DW307", what, _HINT_ALLOW_ONE, name)
    slots = int(task.settings.get("pool_slots") or 1)
    if 0 < pools.get(pool, 0) < slots:
        what = f"it takes {slots} slots of pool {pool!r}, which has {pools[pool]}: it could never run"
        report("DW307", what, "take fewer slots, or give the pool more", "pool_slots")


def _limits_below_one(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in LIMIT_SETTINGS:
        if settings.get(name, 1) <= 0:
            yield name, f"{name} is {settings[name]}: Airflow lets nothing run"


def _follows_instances(dag: DagSnapshot, task: TaskSnapshot) -> bool:
    """Whether a task is below others of its mapped group, whose instances Airflow makes when their turn comes."""
    length = dag.mapped_groups[task.mapped_group] if task.mapped_group else None
    by_id = {each.task_id: each for each in dag.tasks}
    return (
        length is not None
        and length.fixed is None
        and any(by_id[up].mapped_group == task.mapped_group for up in task.upstream)
    )


def _group_depends_on_itself(dag: DagSnapshot, task: TaskSnapshot) -> bool:
    """Whether a task of a group follows a task outside the group that follows one of the group."""
    by_id = {each.task_id: each for each in dag.tasks}
    waiting = [up for up in task.upstream if by_id[up].mapped_group != task.mapped_group]
    seen = set(waiting)
    while waiting:
        for up in by_id[waiting.pop()].upstream:
            if by_id[up].mapped_group == task.mapped_group:
                return True
            if up not in seen:
                seen.add(up)
                waiting.append(up)
    return False
