"""Which tasks of a run have no instance, because its logical date is outside their dates."""

from __future__ import annotations

from ductwork.contracts.run_item import DagFacts, RunItem, RunValues, tasks_of
from ductwork.contracts.task_facts import Facts, TaskFacts
from ductwork.ir.window import Window


def marked(run: RunItem) -> RunItem:
    """A run's item, its ``tasks`` with ``absent`` at those of which Airflow makes no instance in it."""
    tasks = marked_tasks(run, run)
    return run if tasks is tasks_of(run) else {**run, "tasks": tasks}


def marked_tasks(dag: DagFacts, values: RunValues) -> Facts:
    """The facts of the tasks of a run, with ``absent`` at those of which Airflow makes no instance.

    :param dag: what its item, or a manifest, says of the DAG: tasks, and the dates that they share
    :param values: what the run was started with
    """
    tasks = tasks_of(dag)
    shared = Window.of_facts(dag)
    windows = {task_id: Window.of_facts(facts) for task_id, facts in tasks.items()}
    if not (shared or any(windows.values())):
        return tasks
    none = not shared.holds(values)
    return {
        task_id: _absent(facts) if none or not windows[task_id].holds(values) else facts
        for task_id, facts in tasks.items()
    }


def _absent(facts: TaskFacts) -> TaskFacts:
    return {**facts, "absent": True}
