"""What this version does not compile yet, as diagnostics that name the task."""

from __future__ import annotations

from ductwork.diagnostics import Diagnostics
from ductwork.snapshot import DATA_INTERVAL, DagSnapshot, TaskSnapshot

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
_LIMIT_HINTS = {
    "dagrun_timeout": "a run that hangs is not stopped: give its tasks an execution_timeout",
    "max_active_runs": "runs of this DAG may overlap: space out its schedule if they must not",
    "on_success_callback": "it is not called; callbacks of tasks are",
    "on_failure_callback": "it is not called; callbacks of tasks are",
}
# Operators whose requests the worker's execution API does not serve.
_UNSERVED = {
    "airflow.providers.standard.operators.trigger_dagrun.TriggerDagRunOperator": "it starts a run of another DAG",
    "airflow.providers.standard.operators.hitl.HITLOperator": "it waits for a person's answer in Airflow's UI",
}


def check(dag: DagSnapshot, diagnostics: Diagnostics) -> None:
    if DATA_INTERVAL in dag.settings:
        what = "the timetable gives scheduled runs a data interval, which the state machine does not compute"
        hint = "start runs with data_interval_start and data_interval_end, or use a cron trigger timetable"
        diagnostics.add("DW313", dag.origin, what, hint, dag_id=dag.dag_id, field="schedule")
    for name in sorted(dag.settings.keys() - {DATA_INTERVAL}):
        code = "DW307" if name in _DAG_REFUSED else "DW308"
        what = f"{name} of the DAG is not honoured"
        hint = f"remove it, or keep the DAG on Airflow: {_LATER}" if code == "DW307" else _LIMIT_HINTS.get(name, "")
        hint = hint or "the tasks themselves run as under Airflow"
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
    for operator, why in _UNSERVED.items():
        if operator in task.ancestors:
            report("DW312", f"{task.operator.rsplit('.', 1)[-1]} cannot work: {why}")
    if task.arguments.get("mode") == "reschedule":
        hint = "use deferrable=True where the sensor can; the result is the same"
        report("DW306", "the sensor keeps its container while it waits", hint, "mode")
    for name in _TASK_REFUSED:
        if task.settings.get(name):
            report("DW307", f"{name} is not honoured", f"remove it, or wait: {_LATER}", name)
    for name in _TASK_LIMITS:
        if name in task.settings:
            report(
                "DW308", f"{name} is not enforced", "tasks may run sooner or more at a time than under Airflow", name
            )
