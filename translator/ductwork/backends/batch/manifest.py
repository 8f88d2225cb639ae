"""What the submitter writes into the run's item, and which job carries which task.

Of each task what workers, the mirror and restarts must know, where it differs from the default:

=====================  =============================================================================================
``job``                the name of its job; a task without one has nothing to run, and ends as its rule says
``upstream``           the direct upstream tasks, which its trigger rule reads
``rule``               the trigger rule, unless it is all_success
``setups``, ``scope``  further tasks that it waits for; it runs only if all the setups succeeded
``size``               of a mapped task: how many instances it has; ``group``: the mapped task group it is in
``skippers``           the tasks that may decide to skip it, which say so in ``skipped`` of their own items
``setup``              it is one; ``teardown``: likewise; ``fails_run``: a teardown whose failure fails the run
``max_tries``          how many retries it has; ``retry_delay``, ``retry_backoff``, ``max_retry_delay``: what a worker
                       waits for before the next try
``native``             no worker runs it, so it keeps no record of its own; ``push_job_id``: its job's id is its XCom
``stops``              its job fails if it is skipped
``quiet``              its job ends well even if the task fails
``calls_back``         something is to be called when it fails
=====================  =============================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ductwork.backends.batch.gating import Gated
from ductwork.ir import BatchJob, Instant, Retry, Task, Worker, Workflow
from ductwork.trigger_rules import DEFAULT


def manifest(gated: Gated, named: Mapping[str, str]) -> dict[str, Any]:
    """
    :param named: the names of jobs by task id
    """
    workflow = gated.workflow
    made: dict[str, Any] = {
        "dag_file": workflow.dag_file,
        "ledger_table": workflow.ledger_table,
        "tasks": _tasks(workflow, gated, named),
    }
    if workflow.assets:
        made["assets"] = [asset.document() for asset in workflow.assets]
    return made


def _tasks(workflow: Workflow, gated: Gated, named: Mapping[str, str]) -> dict[str, Any]:
    tasks: dict[str, Any] = {}
    for task in workflow.tasks:
        facts: dict[str, Any] = {} if isinstance(task.work, Instant) else {"job": named[task.task_id]}
        facts |= _order(task)
        if task.task_id in gated.sizes:
            facts |= {"size": gated.sizes[task.task_id]} | ({"group": task.group} if task.group else {})
        if gated.skippers[task.task_id]:
            facts["skippers"] = list(gated.skippers[task.task_id])
        if task.retry.retries:
            facts["max_tries"] = task.retry.retries
            facts |= _delays(task.retry) if isinstance(task.work, Worker) else {}
        if task.task_id in gated.stopping:
            facts["stops"] = True
        if task.task_id in gated.quiet:
            facts["quiet"] = True
        if task.calls_back and isinstance(task.work, Worker):
            facts["calls_back"] = True
        if isinstance(task.work, BatchJob):
            facts |= {"native": True} | ({"push_job_id": True} if task.work.push_job_id else {})
        tasks[task.task_id] = facts
    return tasks


def _order(task: Task) -> dict[str, Any]:
    found: dict[str, Any] = {
        "upstream": list(task.upstream),
        "rule": task.trigger_rule if task.trigger_rule != DEFAULT else "",
        "setups": list(task.setups),
        "scope": list(task.scope),
        "setup": task.is_setup,
        "teardown": task.is_teardown,
        "fails_run": task.fails_run,
    }
    return {name: value for name, value in found.items() if value}


def _delays(retry: Retry) -> dict[str, float]:
    found = {"retry_delay": retry.delay, "retry_backoff": retry.backoff, "max_retry_delay": retry.max_delay}
    return {name: value for name, value in found.items() if value}
