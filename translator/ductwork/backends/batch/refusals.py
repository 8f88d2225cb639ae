"""What a fixed chain of jobs cannot say, as diagnostics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ductwork import ir
from ductwork.backends.batch import joins, map_sizes
from ductwork.backends.batch.dependencies import above
from ductwork.backends.batch.job_roles import JobRoles, decides, is_plain, unlike_airflow
from ductwork.contracts import batch_limits
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Task, Workflow
from ductwork.planning import layout
from ductwork.semantics.trigger_rules import DEFAULT, EARLY

_HINT = "use --target stepfunctions"


def refuse(workflow: Workflow, known: Mapping[str, int], diagnostics: Diagnostics) -> None:
    """Report what is lost, or not possible, whatever the order of the tasks.

    :param known: the numbers of instances of mapped tasks, see :attr:`Workflow.sizes`
    """
    ends = [ir.RUN_CALLBACKS[end] for end in workflow.calls_back]
    limits = {"dagrun_timeout": workflow.timeout, "max_active_runs": workflow.max_active_runs, **dict.fromkeys(ends, 1)}
    for name in sorted(name for name, value in limits.items() if value):
        what = f"{name} of the DAG is not honoured: nothing watches over a chain of jobs"
        diagnostics.add("DW308", workflow.origin, what, _HINT, dag_id=workflow.dag_id, field=name)
    for task in workflow.tasks:
        for code, what, hint, field in (*_of_task(task), *_of_mapped(workflow, task, known.get(task.task_id))):
            about = {"dag_id": workflow.dag_id, "task_id": task.task_id, "field": field}
            diagnostics.add(code, task.origin, what, hint, **about)


_Refusal = tuple[str, str, str, str]


def _of_task(task: Task) -> Iterator[_Refusal]:
    """``(code, what, hint, field)``"""
    if task.past:
        name = "wait_for_downstream" if task.past == "all" else "depends_on_past"
        yield "DW307", f"{name} is not honoured", _HINT, name
    for slots in task.slots:
        yield "DW308", f"nothing in a chain counts the slots of {slots.name}", _HINT, slots.field
    if task.reschedules:
        yield "DW306", "the sensor keeps its container while it waits", f"{_HINT}, or deferrable=True", "mode"
    if task.retry.retries >= batch_limits.MAX_ATTEMPTS:
        what = f"{task.retry.retries} retries are more than the {batch_limits.MAX_ATTEMPTS - 1} that Batch can do"
        yield "DW309", what, _HINT, "retries"
    if task.work.native_job:
        yield from _of_native_job(task)


def _of_mapped(workflow: Workflow, task: Task, size: int | None) -> Iterator[_Refusal]:
    if not task.is_mapped:
        return
    length, most = workflow.length_of(task), batch_limits.ARRAY_SIZE[-1]
    mapped = f"{task.mapped_group} is" if task.mapped_group else "it is"
    if size is None:
        over = ", ".join(dict.fromkeys(length.sources())) if length is not None else "what only Airflow can count"
        what = f"{mapped} expanded over what {over} leaves: how many instances there are is not in the file"
        yield "DW304", what, _HINT, ""
    elif size > most:
        what = f"{mapped} expanded over {size:,} items, and an array job has {most:,} children at the most"
        yield "DW304", what, _HINT, ""
    if task.max_active_tis_per_dagrun:
        yield "DW308", "all instances of an array job run side by side", _HINT, "max_active_tis_per_dagrun"
    if is_plain(task):
        what = "a plain container cannot see which instance of a mapped task group it is"
        yield "DW304", what, f"{_HINT}, or executor_config={{'ductwork': {{'native': False}}}}", ""


def _of_native_job(task: Task) -> Iterator[_Refusal]:
    """What only a worker or a state machine does."""
    if 0 < task.retry.retries < batch_limits.MAX_ATTEMPTS and task.retry.delay > 0:
        what = f"a retry starts at once, not after {task.retry.delay:g} s"
        yield "DW310", what, _HINT, "retry_delay"
    if task.work.container is None:
        return
    if task.calls_back:
        what = "nothing in a chain of jobs calls back when the container fails"
        yield "DW309", what, _HINT, "on_failure_callback"
    for what, field in unlike_airflow(task):
        yield "DW309", what, _HINT, field


def refuse_order(roles: JobRoles, diagnostics: Diagnostics) -> None:
    """Report what the order of a chain, in which each job waits for all above it, would change."""
    for task in roles.workflow.tasks:
        for about, code, what, field in _of_order(roles, task):
            where = {"dag_id": roles.workflow.dag_id, "task_id": about.task_id, "field": field}
            diagnostics.add(code, about.origin, what, _HINT, **where)


_Finding = tuple[Task, str, str, str]


def _of_order(roles: JobRoles, task: Task) -> Iterator[_Finding]:
    """``(what it is about, code, what, field)``"""
    if overtaken := roles.overtaken[task.task_id]:
        what = (
            f"in Airflow it may run before {overtaken[0]} decides to skip it; in a chain it would wait, and be skipped"
        )
        yield task, "DW302", what, "trigger_rule"
    elif layout.is_early(task) or _is_early_among_instances(roles, task):
        yield task, "DW314", f"its rule {task.trigger_rule} waits for all upstream tasks to end", "trigger_rule"
    if not joins.fits(roles.depends_on.get(task.task_id, ()), _one_by_one(roles, task)):
        limit = batch_limits.MAX_DEPENDENCIES
        what = f"it has more than {limit} upstream tasks in its mapped task group, Batch's limit"
        yield task, "DW309", what, ""
    if is_plain(task):
        yield from _of_plain(roles, task)


def _one_by_one(roles: JobRoles, task: Task) -> list[str]:
    return map_sizes.one_by_one(task, roles.depends_on.get(task.task_id, ()), roles.workflow, roles.sizes)


def _is_early_among_instances(roles: JobRoles, task: Task) -> bool:
    """Airflow may start it after the first of several instances."""
    by_id = roles.workflow.by_id
    several = (up for up in task.upstream if roles.sizes.get(up, 1) > 1)
    return task.trigger_rule in EARLY and any(
        not task.mapped_group or by_id[up].mapped_group != task.mapped_group for up in several
    )


def _void_above(roles: JobRoles, task: Task) -> str | None:
    """A mapped task without instances that a task waits for with no job in between."""
    by_id, waiting = roles.workflow.by_id, [*above(task)]
    while waiting:
        up = waiting.pop()
        if roles.sizes.get(up) == 0:
            return up
        if by_id[up].work.is_empty:
            waiting += above(by_id[up])
    return None


def _of_plain(roles: JobRoles, task: Task) -> Iterator[_Finding]:
    quiet = next((up for up in roles.depends_on[task.task_id] if up in roles.quiet), None)
    if decides(task, roles.skippers[task.task_id]):
        code, field = _kind(task)
        yield task, code, f"{_why(task)}, and a plain container cannot see how the tasks above it have ended", field
    elif quiet is not None:
        # A worker cannot stop the container below it and let another task below it go on.
        other = roles.deciders[quiet].task_id
        what = f"the job of {quiet} must end well even if {quiet} fails, because of {other}: the container would start"
        yield task, "DW309", what, ""
    if (void := _void_above(roles, task)) is not None:
        what = f"{void} is expanded over nothing, so it is skipped, and a plain container cannot see that"
        yield task, "DW304", what, ""
    if (decider := roles.deciders.get(task.task_id)) is not None:
        code, field = _kind(decider)
        what = f"{_why(decider)}, but AWS Batch starts nothing below the container of {task.task_id} once it failed"
        yield decider, code, what, field


def _kind(task: Task) -> tuple[str, str]:
    """The code, and the field, of what makes a task look at how others ended."""
    if task.is_teardown:
        return "DW305", ""
    return ("DW302", "trigger_rule") if task.trigger_rule != DEFAULT else ("DW303", "")


def _why(task: Task) -> str:
    if task.is_teardown:
        return "the task is a teardown"
    if task.trigger_rule != DEFAULT:
        return f"its trigger rule is {task.trigger_rule}"
    return "a task above it decides at run time whether it is skipped"
