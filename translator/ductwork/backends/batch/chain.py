"""The Batch back end: a workflow as a chain of SubmitJob requests.

``{"version": 1, "dag_id", "jobs": [{"name", "depends_on", "submit"}], "manifest"}``, jobs in topological order. A chain
of plain containers needs no runtime of ours. Worker jobs need the run's item in the ledger, which the submitter writes
from ``manifest``; texts ``${run:NAME}`` are values of the run, which the submitter puts in.

Batch starts a job only when all it depends on succeeded, which is Airflow's all_success, but for skipping: a worker
therefore looks at its upstream tasks in the ledger before it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ductwork import batch_limits, graph
from ductwork.backends import worker_job
from ductwork.diagnostics import Diagnostics
from ductwork.exit_codes import FAILED
from ductwork.ir import BatchJob, Concat, Instant, RunValue, Task, Text, Worker, Workflow
from ductwork.names import job_name

VERSION = 1


def emit(workflow: Workflow, diagnostics: Diagnostics) -> Mapping[str, Any] | None:
    """The job chain, or None where diagnostics say why there is none."""
    order = graph.Order({task.task_id: task.upstream for task in workflow.tasks})
    upstream = _through_instant(workflow, order.reduced_upstream())
    named = {task.task_id: job_name(workflow.dag_id, task.task_id) for task in workflow.tasks}
    jobs = []
    for task in workflow.tasks:
        if task.task_id not in upstream:
            continue
        _check(workflow, task, upstream[task.task_id], diagnostics)
        submit = {"jobName": named[task.task_id], **_submit(workflow, task)}
        jobs.append(
            {
                "name": named[task.task_id],
                "depends_on": [named[up] for up in upstream[task.task_id]],
                "submit": _rendered(submit),
            }
        )
    return {"version": VERSION, "dag_id": workflow.dag_id, "jobs": jobs, "manifest": _manifest(workflow, named)}


def _through_instant(workflow: Workflow, upstream: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Dependencies among the tasks that are jobs: what depends on an empty task depends on what is above it."""
    above: dict[str, tuple[str, ...]] = {}
    jobs: dict[str, tuple[str, ...]] = {}
    for task in workflow.tasks:
        direct = tuple(dict.fromkeys(job for up in upstream[task.task_id] for job in above[up]))
        is_job = isinstance(task.work, (Worker, BatchJob))
        above[task.task_id] = (task.task_id,) if is_job else direct
        if is_job:
            jobs[task.task_id] = direct
    # Skipping empty tasks can make a dependency redundant again.
    return graph.Order(jobs).reduced_upstream()


def _submit(workflow: Workflow, task: Task) -> dict[str, Any]:
    if isinstance(task.work, BatchJob):
        request = {key: value for key, value in task.work.request.items() if key != "jobName"}
        if task.retry.retries and "retryStrategy" not in request:
            request["retryStrategy"] = {"attempts": task.retry.retries + 1}
        return request
    request = worker_job.request(workflow, task)
    if task.retry.retries:
        request["retryStrategy"] = {
            "attempts": task.retry.retries + 1,
            # The worker's exit code says that Airflow has given up; anything else is tried again.
            "evaluateOnExit": [{"onExitCode": str(FAILED), "action": "EXIT"}],
        }
    return request


def _check(workflow: Workflow, task: Task, upstream: tuple[str, ...], diagnostics: Diagnostics) -> None:
    about = {"dag_id": workflow.dag_id, "task_id": task.task_id}
    if task.retry.retries >= batch_limits.MAX_ATTEMPTS:
        what = f"{task.retry.retries} retries are more than the {batch_limits.MAX_ATTEMPTS - 1} that Batch can do"
        diagnostics.add("DW309", task.origin, what, "use --target stepfunctions", field="retries", **about)
    elif task.retry.retries and task.retry.delay > 0:
        what = f"a retry starts at once, not after {task.retry.delay:g} s"
        diagnostics.add("DW310", task.origin, what, "use --target stepfunctions", field="retry_delay", **about)
    if len(upstream) > batch_limits.MAX_DEPENDENCIES:
        what = f"{len(upstream)} upstream tasks are more than the {batch_limits.MAX_DEPENDENCIES} a Batch job can have"
        hint = "use --target stepfunctions, or gather them under intermediate tasks"
        diagnostics.add("DW309", task.origin, what, hint, **about)


def _manifest(workflow: Workflow, named: Mapping[str, str]) -> dict[str, Any]:
    """What the submitter writes into the run's item for the workers, and which job carries which task."""
    tasks: dict[str, Any] = {}
    for task in workflow.tasks:
        # A task without a job has nothing to run: it ends with its upstream tasks.
        facts: dict[str, Any] = {} if isinstance(task.work, Instant) else {"job": named[task.task_id]}
        if task.upstream:
            facts["upstream"] = list(task.upstream)
        if task.retry.retries:
            facts["max_tries"] = task.retry.retries
        tasks[task.task_id] = facts
    return {"dag_file": workflow.dag_file, "ledger_table": workflow.ledger_table, "tasks": tasks}


def _rendered(value: Any) -> Any:
    """IR expressions as texts with ``${run:NAME}`` in them."""
    if isinstance(value, RunValue):
        return f"${{run:{value.name}}}"
    if isinstance(value, Text):
        return value.value
    if isinstance(value, Concat):
        return "".join(map(_rendered, value.parts))
    if isinstance(value, Mapping):
        return {key: _rendered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rendered(inner) for inner in value]
    return value
