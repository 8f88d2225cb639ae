"""The schedule document: a job chain's model in the words of :mod:`ductwork.contracts.schedule_document`.

A document knows a job's name, definition, queue, container overrides and parameters, and what it depends on: one plain
container after another. So this back end lets the Batch back end make its chain, and then says for each task what of it
has no place here. A loss that changes what runs or how it ends is an error, any other a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ductwork.backends.batch import chain
from ductwork.backends.batch.dependencies import dependencies, jobs_above
from ductwork.contracts import aws_names, batch_limits
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.schedule_document import DEFAULT_WAIT_TIME, Job, Schedule
from ductwork.diagnostics import Diagnostic, Diagnostics, Severity
from ductwork.ir import RUN_CALLBACKS, AwsCall, AwsSensor, BatchJob, Expr, NoOp, Task, Wait, Work, Worker, Workflow
from ductwork.planning import partial_order
from ductwork.semantics.trigger_rules import DEFAULT

# The members of SubmitJob that a document has, and the operator's arguments that give them.
_SUBMIT = {
    "jobName": "job_name",
    "jobQueue": "job_queue",
    "jobDefinition": "job_definition",
    "containerOverrides": "container_overrides",
    "parameters": "parameters",
}
# The others.
_NO_PLACE = {
    "arrayProperties": ("DW320", "array_properties"),
    "retryStrategy": ("DW320", "retry_strategy"),
    "timeout": ("DW320", "submit_job_timeout"),
    "shareIdentifier": ("DW320", "share_identifier"),
    "schedulingPriorityOverride": ("DW321", "scheduling_priority_override"),
    "tags": ("DW321", "tags"),
}
_IN_JOB_DEFINITIONS = {"retryStrategy", "timeout", "schedulingPriorityOverride", "tags"}
# What the Batch back end reports about worker containers and about the timing of retries: here neither exists at all.
_BESIDE_THE_POINT = {"DW203", "DW306", "DW310", "DW314"}
_NO_PLAIN_JOB = "a schedule document knows plain Batch jobs alone, and this task is none"
_BATCH = "use --target batch or --target stepfunctions"
_MACHINE = "use --target stepfunctions"


def emit(workflow: Workflow, diagnostics: Diagnostics) -> JsonObject | None:
    """The schedule document, or None where diagnostics say why there is none."""
    found = Diagnostics()
    model = chain.emit(workflow, found)
    found = Diagnostics([finding for finding in found if _matters(workflow, finding)])
    impossible = {finding.task_id for finding in found if finding.severity is Severity.ERROR}
    fewest = dependencies(workflow)
    for task in workflow.tasks:
        above = fewest.get(task.task_id, ())
        for code, what, hint, field in (*_losses(task, task.task_id in impossible), *_too_many(above)):
            about = {"dag_id": workflow.dag_id, "task_id": task.task_id, "field": field}
            found.add(code, task.origin, what, hint, **about)
    for code, what, hint, field in _losses_of_dag(workflow):
        found.add(code, workflow.origin, what, hint, dag_id=workflow.dag_id, field=field)
    diagnostics.extend(found)
    if model is None or found.failed:
        return None
    return _schedule(workflow, model).document()


def _schedule(workflow: Workflow, model: Mapping[str, Any]) -> Schedule:
    facts = model["manifest"]["tasks"]
    task_of = {fact["job"]: task_id for task_id, fact in facts.items() if "job" in fact}
    jobs = {task_of[job["name"]]: job for job in model["jobs"]}
    waits, fewest = jobs_above(workflow), dependencies(workflow)
    upstream: dict[str, Sequence[str]] = {}
    for task_id in jobs:
        # As the author wrote them, so that an import gives the same edges; the fewest possible only where Batch must.
        above = waits[task_id]
        upstream[task_id] = fewest[task_id] if len(above) > batch_limits.MAX_DEPENDENCIES else above
    place = {task_id: number for number, task_id in enumerate(_in_order(upstream, workflow.source_order))}
    return Schedule(
        schedule_id=workflow.dag_id,
        jobs=tuple(
            Job(
                name=task_id,
                definition=jobs[task_id]["submit"]["jobDefinition"],
                queue=jobs[task_id]["submit"]["jobQueue"],
                dependencies=tuple(sorted(upstream[task_id], key=place.__getitem__)),
                overrides=jobs[task_id]["submit"].get("containerOverrides", {}),
                parameters=jobs[task_id]["submit"].get("parameters", {}),
            )
            for task_id in place
        ),
        category=workflow.tags[0] if workflow.tags else "",
        title=workflow.title if workflow.title.strip() else "",
        topic=workflow.sns_topic,
        wait_time=min(_poll_intervals(workflow), default=DEFAULT_WAIT_TIME),
    )


def _in_order(upstream: Mapping[str, Sequence[str]], written: Sequence[str]) -> list[str]:
    """As the author wrote them, but for what is written before something it depends on."""
    rank = {task_id: f"{number:08}" for number, task_id in enumerate(written)}
    task_of = {rank[task_id]: task_id for task_id in upstream}
    order = partial_order.topological(
        {rank[task_id]: [rank[up] for up in above] for task_id, above in upstream.items()}
    )
    return [task_of[each] for each in order]


def _matters(workflow: Workflow, finding: Diagnostic) -> bool:
    if finding.code in _BESIDE_THE_POINT or (finding.code, finding.field) == ("DW309", "retries"):
        return False
    # The document says whom to tell of a run's end.
    return not (workflow.sns_topic and finding.code == "DW308" and finding.field in RUN_CALLBACKS.values())


_Loss = tuple[str, str, str, str]


def _too_many(above: Sequence[str]) -> Iterator[_Loss]:
    if len(above) > batch_limits.MAX_DEPENDENCIES:
        what = f"{len(above)} upstream tasks are more than the {batch_limits.MAX_DEPENDENCIES} a Batch job can have"
        yield "DW320", what, f"gather them under intermediate tasks, or {_BATCH}", ""


def _losses(task: Task, impossible: bool) -> Iterator[_Loss]:
    """``(code, what, hint, field)`` for all of a task that a document cannot say.

    :param impossible: a job chain cannot carry the task either
    """
    for name in task.window.facts():
        yield (
            "DW320",
            f"a schedule document runs every job, whatever the run's date, and this task has {name}",
            _BATCH,
            name,
        )
    if task.trigger_rule != DEFAULT or task.is_setup:
        kind = "teardown" if task.is_teardown else "setup" if task.is_setup else task.trigger_rule
        what = f"jobs of a schedule document run once all before them succeeded, and this task is {kind}"
        yield "DW320", what, _BATCH, "" if task.is_setup or task.is_teardown else "trigger_rule"
    if task.is_mapped:
        what = "the jobs of a schedule document are listed one by one, and this task is mapped"
        yield "DW320", what, _MACHINE if impossible else _BATCH, ""
        return
    yield from LOSSES[type(task.work)](task, task.work, _MACHINE if impossible else _BATCH)


def _of_nothing(task: Task, work: NoOp, hint: str) -> Iterator[_Loss]:
    """The document as a whole says of these that it leaves them out."""
    yield from ()


def _of_worker(task: Task, work: Worker, hint: str) -> Iterator[_Loss]:
    yield "DW320", f"{_NO_PLAIN_JOB}: {work.why}", hint, ""


def _of_wait(task: Task, work: Wait, hint: str) -> Iterator[_Loss]:
    yield "DW320", f"{_NO_PLAIN_JOB}: it waits for a moment", hint, ""


def _of_call(task: Task, work: AwsCall, hint: str) -> Iterator[_Loss]:
    yield "DW320", f"{_NO_PLAIN_JOB}: it calls {work.service} {work.action}", hint, ""


def _of_job(task: Task, work: BatchJob, hint: str) -> Iterator[_Loss]:
    # Of a container the author has written neither a job's name nor a request.
    described = work.container is not None
    if not aws_names.JOB_NAME.fullmatch(task.task_id):
        what = f"the task's id names its job, and {task.task_id!r} is not a legal job name"
        hint = "letters, digits, - and _ only, at most 128 (prefix_group_id=False for a task in a group), or "
        yield "DW320", what, hint + _BATCH.removeprefix("use "), "task_id"
    elif not described and work.request.get("jobName") != task.task_id:
        what = "the task's id is the job's name in the document; job_name is not kept"
        yield "DW321", what, "give the task and its job one name", "job_name"
    if not work.wait:
        yield "DW320", "what is below the task is not to wait for its job's end", _MACHINE, "wait_for_completion"
    for path in _run_values(work.request):
        member = path.split(".")[0]
        if member in _SUBMIT and member != "jobName":
            field = "" if described else _SUBMIT[member]
            yield "DW320", f"{path} is a template, and nobody would fill it in", _BATCH, field
    if task.retry.retries:
        hint = f"leave them to retryStrategy of the job definition, or {_BATCH}"
        yield "DW320", f"a schedule document has no place for retries ({task.retry.retries})", hint, "retries"
    for code, what, hint, field in _members(work.request):
        yield code, what, hint, "" if described else field


# What a document cannot say of each kind of work, given a hint for those that it cannot say at all.
LOSSES: Mapping[type[Work], Callable[[Task, Any, str], Iterator[_Loss]]] = {
    Worker: _of_worker,
    NoOp: _of_nothing,
    BatchJob: _of_job,
    Wait: _of_wait,
    AwsCall: _of_call,
    AwsSensor: _of_call,
}


def _members(request: Mapping[str, Any]) -> Iterator[_Loss]:
    for member in request:
        if member not in _SUBMIT:
            code, argument = _NO_PLACE.get(member, ("DW320", member))
            hint = f"give it in the job definition, or {_BATCH}" if member in _IN_JOB_DEFINITIONS else _BATCH
            yield code, f"a schedule document has no place for {member}", hint, argument


def _losses_of_dag(workflow: Workflow) -> Iterator[_Loss]:
    empty = [task.task_id for task in workflow.tasks if task.work.is_empty]
    if len(empty) == len(workflow.tasks):
        yield "DW320", "the DAG has no Batch job, and a schedule document must have one", _BATCH, ""
    elif empty:
        what = f"tasks with nothing to run are not in the document: {', '.join(empty)}"
        yield "DW321", what, "what is below them depends on what is above them, which comes to the same", ""
    if workflow.task_groups:
        what = f"task groups are not in the document: {', '.join(workflow.task_groups)}"
        yield "DW321", what, "their tasks are, one beside another", ""
    if len(workflow.tags) > 1:
        what = (
            f"the first tag, {workflow.tags[0]!r}, is the category; there is no place for {len(workflow.tags) - 1} more"
        )
        yield "DW321", what, "tags have no effect on runs", "tags"
    if len(intervals := _poll_intervals(workflow)) > 1:
        what = f"all jobs are looked at every {min(intervals)} s, the least poll_interval of the tasks"
        yield "DW321", what, "give all tasks one poll_interval", "poll_interval"


def _poll_intervals(workflow: Workflow) -> set[int]:
    return {job.poll_interval for task in workflow.tasks if (job := task.work.native_job)}


def _run_values(value: Any, path: str = "") -> Iterator[str]:
    """Where in a request there is something that only a run knows."""
    if isinstance(value, Expr):
        yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _run_values(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _run_values(inner, f"{path}[{number}]")
