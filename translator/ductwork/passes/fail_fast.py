"""DAGs with ``fail_fast``: who runs when a task fails must hear of it, so every task that is a job has a worker."""

from __future__ import annotations

from dataclasses import replace

from ductwork.diagnostics import Diagnostics
from ductwork.ir import Task, Workflow

_WHY = "fail_fast: only a worker learns that another task has failed, and ends"


def watch_each_other(workflow: Workflow, diagnostics: Diagnostics) -> Workflow:
    """Give every job a worker that looks at the ledger, and a job that reports it if its container dies."""
    if not workflow.fail_fast:
        return workflow
    for task in workflow.tasks:
        if what := _out_of_reach(task):
            hint = "leave fail_fast out of this DAG, or keep it on Airflow"
            about = {"dag_id": workflow.dag_id, "task_id": task.task_id, "field": "fail_fast"}
            diagnostics.add("DW307", task.origin, what, hint, **about)
    return replace(workflow, tasks=tuple(map(_watched, workflow.tasks)))


def _out_of_reach(task: Task) -> str:
    if task.is_mapped:
        return (
            "fail_fast of the DAG is not honoured for mapped tasks: instances that are yet to be made cannot be skipped"
        )
    return ""


def _watched(task: Task) -> Task:
    if task.work.is_empty:
        return task
    return replace(task, work=task.work.in_worker(_WHY), calls_back=True)
