"""What the submitter writes into the run's item, and which job carries which task."""

from __future__ import annotations

from collections.abc import Mapping

from ductwork.backends.batch.job_roles import JobRoles
from ductwork.contracts.run_item import Manifest, of_workflow
from ductwork.contracts.task_facts import TaskFacts, delays, of_task
from ductwork.ir import Task
from ductwork.semantics.trigger_rules import DEFAULT


def manifest(roles: JobRoles, named: Mapping[str, str]) -> Manifest:
    """What a chain's document says of its tasks, for workers, mirrors and restarts.

    :param named: the names of jobs by task id
    """
    workflow = roles.workflow
    tasks = {task.task_id: _facts(roles, task, named[task.task_id]) for task in workflow.tasks}
    return {
        "dag_file": workflow.dag_file,
        "ledger_table": workflow.ledger_table,
        **of_workflow(workflow, tasks),
    }


def _facts(roles: JobRoles, task: Task, job: str) -> TaskFacts:
    by_worker, native = task.work.has_worker, task.work.native_job
    waiting: TaskFacts = delays(task.retry) if by_worker and task.retry.retries else {}
    expanded: TaskFacts = {"size": roles.sizes[task.task_id]} if task.task_id in roles.sizes else {}
    return of_task(
        task,
        {
            **waiting,
            **expanded,
            "job": "" if task.work.is_empty else job,
            "rule": "" if task.trigger_rule == DEFAULT else task.trigger_rule,
            "setups": list(task.setups),
            "scope": list(task.scope),
            "setup": task.is_setup,
            "teardown": task.is_teardown,
            "fails_run": task.fails_run,
            "skippers": list(roles.skippers[task.task_id]),
            "stops": task.task_id in roles.stopping,
            "quiet": task.task_id in roles.quiet,
            "calls_back": bool(task.calls_back) and by_worker,
            "push_job_id": native is not None and native.push_job_id,
        },
    )
