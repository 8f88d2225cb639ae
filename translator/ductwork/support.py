"""What this version does not compile yet, as diagnostics that name the task."""

from __future__ import annotations

from collections.abc import Mapping

from ductwork import ir
from ductwork.diagnostics import Diagnostics
from ductwork.snapshot import DATA_INTERVAL, DagSnapshot, TaskSnapshot

_DAG_REFUSED = ("fail_fast",)
_HONOURED = {"max_active_runs", "dagrun_timeout", *ir.RUN_CALLBACKS.values()}
_LATER = "a later version compiles it"
_HARMLESS = "the tasks themselves run as under Airflow"
_INSTEAD = {"max_active_tasks": "give the tasks a pool, which limits them too"}
# Operators whose requests the worker's execution API does not serve.
_UNSERVED = {
    "airflow.providers.standard.operators.trigger_dagrun.TriggerDagRunOperator": "it starts a run of another DAG",
    "airflow.providers.standard.operators.hitl.HITLOperator": "it waits for a person's answer in Airflow's UI",
}


def check(dag: DagSnapshot, pools: Mapping[str, int], diagnostics: Diagnostics) -> None:
    """
    :param pools: the sizes of Airflow's pools, as far as they are known
    """
    if DATA_INTERVAL in dag.settings:
        what = "the timetable gives scheduled runs a data interval, which the state machine does not compute"
        hint = "start runs with data_interval_start and data_interval_end, or use a cron trigger timetable"
        diagnostics.add("DW313", dag.origin, what, hint, dag_id=dag.dag_id, field="schedule")
    for name in sorted(dag.settings.keys() - {DATA_INTERVAL, *_HONOURED}):
        code = "DW307" if name in _DAG_REFUSED else "DW308"
        what = f"{name} of the DAG is not honoured"
        hint = f"remove it, or keep the DAG on Airflow: {_LATER}" if code == "DW307" else _INSTEAD.get(name, _HARMLESS)
        diagnostics.add(code, dag.origin, what, hint, dag_id=dag.dag_id, field=name)
    for task in dag.tasks:
        _check_task(dag, task, pools, diagnostics)


def _check_task(dag: DagSnapshot, task: TaskSnapshot, pools: Mapping[str, int], diagnostics: Diagnostics) -> None:
    def report(code: str, what: str, hint: str = _LATER, field: str = "") -> None:
        diagnostics.add(code, task.origin, what, hint, dag_id=dag.dag_id, task_id=task.task_id, field=field)

    if (task.is_mapped and task.length is None) or (task.group and dag.groups[task.group] is None):
        report("DW304", "it is expanded over what only Airflow can count")
        return
    if task.group and _comes_back(dag, task):
        report("DW304", f"{task.group} depends on a task that depends on {task.group} itself")
    for operator, why in _UNSERVED.items():
        if operator in task.ancestors:
            report("DW312", f"{task.operator.rsplit('.', 1)[-1]} cannot work: {why}")
    pool = str(task.settings.get("pool") or "")
    if pool and pool not in pools:
        hint = f"say how many slots it has: AIRFLOW__DUCTWORK__POOLS={pool}=5, or pools in [ductwork] of airflow.cfg"
        report("DW308", f"the size of pool {pool!r} is not known, so it does not limit anything", hint, "pool")
    slots = int(task.settings.get("pool_slots") or 1)
    if slots > pools.get(pool, slots):
        what = f"it takes {slots} slots of pool {pool!r}, which has {pools[pool]}: it could never run"
        report("DW307", what, "take fewer slots, or give the pool more", "pool_slots")


def _comes_back(dag: DagSnapshot, task: TaskSnapshot) -> bool:
    """Whether a task of a group follows a task outside the group that follows one of the group."""
    by_id = {each.task_id: each for each in dag.tasks}
    waiting = [up for up in task.upstream if by_id[up].group != task.group]
    seen = set(waiting)
    while waiting:
        for up in by_id[waiting.pop()].upstream:
            if by_id[up].group == task.group:
                return True
            if up not in seen:
                seen.add(up)
                waiting.append(up)
    return False
