"""The Batch back end: a workflow as a chain of SubmitJob requests.

``{"version": 1, "dag_id", "jobs": [{"name", "depends_on", "submit"}], "manifest"}``, jobs in topological order. A chain
of plain containers needs no runtime of ours. Worker jobs need the run's item in the ledger, which the submitter writes
from ``manifest``; texts ``${run:NAME}`` are values of the run, which the submitter puts in.

Batch starts a job only when all it depends on succeeded, which is Airflow's all_success, but for skipping: a worker
therefore looks at its upstream tasks in the ledger before it starts. A plain container cannot look: the worker above it
fails its job if it is skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ductwork import batch_limits, graph, ir
from ductwork.backends import worker_job
from ductwork.diagnostics import Diagnostics
from ductwork.exit_codes import FAILED
from ductwork.ir import BatchJob, Concat, Instant, RunValue, Task, Text, Wait, Worker, Workflow
from ductwork.names import job_name
from ductwork.trigger_rules import DEFAULT

VERSION = 1


def emit(workflow: Workflow, diagnostics: Diagnostics) -> Mapping[str, Any] | None:
    """The job chain, or None where diagnostics say why there is none."""
    _refuse(workflow, diagnostics)
    _refuse_containers(workflow, diagnostics)
    workflow = _gated(workflow)
    worker_job.check(workflow, diagnostics)
    jobs_above = _jobs_above(workflow)
    is_job = {task.task_id for task in workflow.tasks if not isinstance(task.work, Instant)}
    upstream = graph.Order({task: above for task, above in jobs_above.items() if task in is_job}).reduced_upstream()
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
    return {
        "version": VERSION,
        "dag_id": workflow.dag_id,
        "jobs": jobs,
        "manifest": _manifest(workflow, named, jobs_above, _stopping(workflow, upstream)),
    }


def _refuse(workflow: Workflow, diagnostics: Diagnostics) -> None:
    """Report what a fixed chain of jobs cannot say."""
    hint = "use --target stepfunctions"
    ends = [ir.RUN_CALLBACKS[end] for end in workflow.calls_back]
    limits = {"dagrun_timeout": workflow.timeout, "max_active_runs": workflow.max_active_runs, **dict.fromkeys(ends, 1)}
    for name in sorted(name for name, value in limits.items() if value):
        what = f"{name} of the DAG is not honoured: nothing watches over a chain of jobs"
        diagnostics.add("DW308", workflow.origin, what, hint, dag_id=workflow.dag_id, field=name)
    for task in workflow.tasks:
        about = {"dag_id": workflow.dag_id, "task_id": task.task_id}
        if task.is_setup or task.is_teardown:
            what = f"the task is a {'setup' if task.is_setup else 'teardown'}"
            diagnostics.add("DW305", task.origin, what, hint, **about)
        elif task.trigger_rule != DEFAULT:
            what = f"its trigger rule is {task.trigger_rule}"
            diagnostics.add("DW302", task.origin, what, hint, field="trigger_rule", **about)
        if task.past:
            name = "wait_for_downstream" if task.past == "all" else "depends_on_past"
            diagnostics.add("DW307", task.origin, f"{name} is not honoured", hint, field=name, **about)
        for slots in task.slots:
            what = f"nothing in a chain counts the slots of {slots.name}"
            diagnostics.add("DW308", task.origin, what, hint, field=slots.field, **about)
        if task.is_mapped:
            what = "the task is mapped: how many instances there are is known only when its turn comes"
            diagnostics.add("DW304", task.origin, what, hint, **about)
        if task.skips:
            what = f"{task.operator.rsplit('.', 1)[-1]} decides at run time which tasks are skipped"
            diagnostics.add("DW303", task.origin, what, hint, **about)
        if task.reschedules:
            what = "the sensor keeps its container while it waits"
            diagnostics.add("DW306", task.origin, what, f"{hint}, or deferrable=True", field="mode", **about)


def _refuse_containers(workflow: Workflow, diagnostics: Diagnostics) -> None:
    """Report what only a state machine does for a container that an operator describes."""
    hint = "use --target stepfunctions"
    for task in workflow.tasks:
        if not isinstance(task.work, BatchJob) or task.work.container is None:
            continue
        about = {"dag_id": workflow.dag_id, "task_id": task.task_id}
        if task.calls_back:
            what = "nothing in a chain of jobs calls back when the container fails"
            diagnostics.add("DW309", task.origin, what, hint, field="on_failure_callback", **about)
        if task.retry.retries and task.execution_timeout is not None:
            what = "AWS Batch does not try an attempt again that has run out of its time"
            diagnostics.add("DW309", task.origin, what, hint, field="execution_timeout", **about)


def _gated(workflow: Workflow) -> Workflow:
    """Turn into worker jobs what only a worker can do in a chain: waiting, and native jobs that may have to be skipped.

    A skipped worker ends with success as far as Batch can see, so Batch starts what depends on it; only a worker looks
    into the ledger and sees that it must not run. What an operator describes as a container stays one: a worker could
    not run it (see :func:`_stopping`).
    """
    may_skip: dict[str, bool] = {}
    tasks = []
    for task in workflow.tasks:
        if isinstance(task.work, Wait):
            task = replace(task, work=Worker("a job chain cannot wait for a moment, so a worker does"))
        below = any(may_skip[up] for up in task.upstream)
        if below and isinstance(task.work, BatchJob) and task.work.container is None:
            why = "in a job chain, a task below a worker may have to be skipped, which only a worker can see"
            task = replace(task, work=Worker(why))
        may_skip[task.task_id] = below or isinstance(task.work, Worker)
        tasks.append(task)
    return replace(workflow, tasks=tuple(tasks))


def _stopping(workflow: Workflow, upstream: Mapping[str, Sequence[str]]) -> set[str]:
    """The workers whose jobs must fail if they are skipped: a plain container below cannot look into the ledger.

    Batch then starts nothing below them, and the mirror ends all of it as skipped, which under all_success it is.
    """
    by_id = workflow.by_id
    plain = [task for task in upstream if isinstance(by_id[task].work, BatchJob)]
    return {up for task in plain for up in upstream[task] if isinstance(by_id[up].work, Worker)}


def _jobs_above(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """For each task the jobs it waits for: what is below an empty task waits for what is above it.

    Under all_success that changes no outcome.
    """
    is_job = {task.task_id: not isinstance(task.work, Instant) for task in workflow.tasks}
    waits: dict[str, tuple[str, ...]] = {}
    for task in workflow.tasks:
        above = (job for up in task.upstream for job in ((up,) if is_job[up] else waits[up]))
        waits[task.task_id] = tuple(dict.fromkeys(above))
    return waits


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


def _manifest(
    workflow: Workflow, named: Mapping[str, str], jobs_above: Mapping[str, Sequence[str]], stopping: set[str]
) -> dict[str, Any]:
    """What the submitter writes into the run's item for the workers, and which job carries which task."""
    tasks: dict[str, Any] = {}
    for task in workflow.tasks:
        # A task without a job has nothing to run: it ends with its upstream tasks.
        facts: dict[str, Any] = {} if isinstance(task.work, Instant) else {"job": named[task.task_id]}
        if jobs_above[task.task_id]:
            facts["upstream"] = list(jobs_above[task.task_id])
        if task.retry.retries:
            facts["max_tries"] = task.retry.retries
        if task.task_id in stopping:
            facts["stops"] = True
        if isinstance(task.work, BatchJob):
            facts |= {"native": True} | ({"push_job_id": True} if task.work.push_job_id else {})
        tasks[task.task_id] = facts
    manifest: dict[str, Any] = {"dag_file": workflow.dag_file, "ledger_table": workflow.ledger_table, "tasks": tasks}
    if workflow.assets:
        manifest["assets"] = [asset.document() for asset in workflow.assets]
    return manifest


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
