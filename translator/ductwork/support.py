"""What this version does not compile yet, as diagnostics that name the task."""

from __future__ import annotations

from ductwork.diagnostics import Diagnostics
from ductwork.snapshot import DagSnapshot, TaskSnapshot

_BRANCHING = {
    "airflow.sdk.bases.branch.BaseBranchOperator",
    "airflow.sdk.bases.skipmixin.SkipMixin",
    "airflow.providers.standard.operators.branch.BaseBranchOperator",
    "airflow.providers.standard.operators.python.ShortCircuitOperator",
    "airflow.providers.standard.operators.latest_only.LatestOnlyOperator",
}
# Settings that change results, and those that only limit or observe (see frontend.fields).
_TASK_REFUSED = ("depends_on_past", "wait_for_downstream")
_TASK_LIMITS = ("priority_weight", "pool", "pool_slots", "max_active_tis_per_dag", "max_active_tis_per_dagrun")
_DAG_REFUSED = ("fail_fast",)
_LATER = "a later version compiles it"


def check(dag: DagSnapshot, diagnostics: Diagnostics) -> None:
    for name in dag.settings:
        code = "DW307" if name in _DAG_REFUSED else "DW308"
        what = f"{name} of the DAG is not honoured"
        hint = f"remove it, or keep the DAG on Airflow: {_LATER}" if code == "DW307" else "nothing else changes"
        diagnostics.add(code, dag.origin, what, hint, dag_id=dag.dag_id, field=name)
    for task in dag.tasks:
        _check_task(dag, task, diagnostics)


def _check_task(dag: DagSnapshot, task: TaskSnapshot, diagnostics: Diagnostics) -> None:
    def report(code: str, what: str, hint: str = _LATER, field: str = "") -> None:
        diagnostics.add(code, task.origin, what, hint, dag_id=dag.dag_id, task_id=task.task_id, field=field)

    if task.is_mapped:
        report("DW304", "the task is mapped: how many instances there are is known only at run time")
        return
    if task.is_setup or task.is_teardown:
        report("DW305", f"the task is a {'setup' if task.is_setup else 'teardown'}")
    elif task.trigger_rule != "all_success":
        what = f"its trigger rule is {task.trigger_rule}"
        report("DW302", what, f"use all_success, or wait: {_LATER}", "trigger_rule")
    if _BRANCHING & set(task.ancestors):
        report("DW303", f"{task.operator.rsplit('.', 1)[-1]} decides at run time which tasks are skipped")
    if task.arguments.get("mode") == "reschedule":
        report("DW306", "the sensor is in reschedule mode", "use mode='poke' or deferrable=True", "mode")
    for name in _TASK_REFUSED:
        if task.settings.get(name):
            report("DW307", f"{name} is not honoured", f"remove it, or wait: {_LATER}", name)
    for name in _TASK_LIMITS:
        if name in task.settings:
            report(
                "DW308", f"{name} is not enforced", "tasks may run sooner or more at a time than under Airflow", name
            )
