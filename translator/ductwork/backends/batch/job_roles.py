"""How the tasks of a job chain look at each other's outcomes, and how they end so that others can.

Batch starts a job when all it depends on succeeded, which is Airflow's all_success but for skipping. Whatever is to be
decided otherwise, a worker decides from the ledger before it runs its task; Batch must then start that worker. So where
a task below may not simply be upstream_failed, a failed task's job ends well: *quietly*, its failure in the ledger.

A plain container can neither look nor end quietly: it stays one where its failure, and that of any task above it, stops
all that is below.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ductwork.backends.batch import map_sizes
from ductwork.backends.batch.dependencies import above, dependencies
from ductwork.ir import AwsCall, AwsSensor, BatchJob, NoOp, Task, Wait, Work, Worker, Workflow
from ductwork.ir.expressions import expressions_in, in_chains
from ductwork.planning import layout, partial_order
from ductwork.semantics.trigger_rules import DEFAULT


@dataclass(frozen=True)
class JobRoles:
    """What the jobs of a chain do for each other.

    :param workflow: with workers where only a worker can do in a chain what a task is to do
    :param deciders: for each task a task below that may not simply be upstream_failed if it fails, where Batch must
        start a job to find out
    :param quiet: the workers whose jobs end well even if their tasks fail
    :param stopping: the workers whose jobs must fail if they are skipped: a plain container below cannot look
    :param depends_on: see :func:`ductwork.backends.batch.dependencies.dependencies`
    :param skippers: for each task the tasks that may decide to skip it
    :param sizes: of each mapped task how many instances it has
    :param overtaken: for each task those of them that in Airflow may end after it has started, which in a chain, where
        it waits for all above it, they would not
    """

    workflow: Workflow
    deciders: Mapping[str, Task]
    quiet: Collection[str]
    stopping: Collection[str]
    depends_on: Mapping[str, Sequence[str]]
    skippers: Mapping[str, Sequence[str]]
    overtaken: Mapping[str, Sequence[str]]
    sizes: Mapping[str, int]


def job_roles(workflow: Workflow) -> JobRoles:
    """How each task of a workflow is carried out in a chain."""
    known = workflow.sizes
    workflow = map_sizes.prepared(workflow, known)
    skippers = _skippers(workflow)
    deciders = _deciders(workflow, skippers)
    workflow = _with_workers(workflow, deciders, skippers, {task_id for task_id, size in known.items() if not size})
    depends_on = dependencies(workflow)
    return JobRoles(
        workflow,
        deciders,
        quiet={task.task_id for task in workflow.tasks if task.work.has_worker and task.task_id in deciders},
        stopping=set(_stopping(workflow, depends_on)),
        depends_on=depends_on,
        skippers=skippers,
        overtaken=_overtaken(workflow, skippers),
        sizes=known,
    )


def is_plain(task: Task) -> bool:
    """A container that an operator describes: no worker could run it in its place."""
    return task.work.container is not None


def unlike_airflow(task: Task) -> Iterator[tuple[str, str]]:
    """``(what, field)``: what Airflow does about a job of the user's own and Batch, left to itself, does not."""
    if (job := task.work.native_job) is None:
        return
    if not job.wait:
        yield "Airflow does not wait for its end, and what is below it in a chain does", "wait_for_completion"
    if not task.retry.retries:
        return
    if job.timeout is not None:
        field = "retries" if task.execution_timeout is None else "execution_timeout"
        yield "AWS Batch does not try an attempt again that has run out of its time", field
    if "retryStrategy" in job.request:
        yield "retry_strategy takes the place that its retries would have in a chain", "retry_strategy"
    if "arrayProperties" in job.request:
        yield "AWS Batch tries the failed children of an array again, and not the whole", "array_properties"


def decides(task: Task, skipped_by: Sequence[str]) -> bool:
    """Whether a task may end otherwise than upstream_failed below one that failed."""
    return bool(above(task)) and (task.trigger_rule != DEFAULT or bool(skipped_by))


def _skippers(workflow: Workflow) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {task.task_id: [] for task in workflow.tasks}
    for task in workflow.tasks:
        for down in task.skips:
            found[down].append(task.task_id)
    return found


def _overtaken(workflow: Workflow, skippers: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    order = partial_order.Order(layout.waits(workflow))
    place = {node: number for number, node in enumerate(order.nodes)}

    def certain(task_id: str, up: str) -> bool:
        return bool(order.ancestors[place[task_id]] >> place[up] & 1)

    return {task_id: [up for up in found if not certain(task_id, up)] for task_id, found in skippers.items()}


def _deciders(workflow: Workflow, skippers: Mapping[str, Sequence[str]]) -> dict[str, Task]:
    is_above_job: set[str] = set()
    found: dict[str, Task] = {}
    for task in reversed(workflow.tasks):
        if not task.work.is_empty or task.task_id in is_above_job:
            is_above_job.update(above(task))
            # The nearest one makes the clearest message.
            decider = task if decides(task, skippers[task.task_id]) else found.get(task.task_id)
            if decider is not None:
                found.update(dict.fromkeys(above(task), decider))
    return found


def _stays(task: Task, looks: bool, is_decided: bool) -> str:
    return ""


def _instead_of_waiting(task: Task, looks: bool, is_decided: bool) -> str:
    return "a job chain cannot wait for a moment, so a worker does"


def _instead_of_calling(task: Task, looks: bool, is_decided: bool) -> str:
    return "a job chain has jobs alone, so a worker makes the call"


def _instead_of_native_job(task: Task, looks: bool, is_decided: bool) -> str:
    if not all(map(in_chains, expressions_in(task.work))):
        return "in a job chain, only a worker can be told more of a run than its id and its date"
    if is_plain(task):
        return ""
    if looks:
        return "in a job chain, a task below a worker may have to be skipped, which only a worker can see"
    if is_decided:
        return "in a job chain, only a worker can fail and yet let a task below it run"
    unlike = next(unlike_airflow(task), None)
    return f"in a job chain, only a worker does with the job as Airflow would: {unlike[0]}" if unlike else ""


# By kind of work: why a worker carries a task out in a chain, empty if it stays as it is. Told of a task is whether it
# must see how others ended, and whether one below it may have to run although it fails.
WORKER_INSTEAD: Mapping[type[Work], Callable[[Task, bool, bool], str]] = {
    Worker: _stays,
    NoOp: _stays,
    BatchJob: _instead_of_native_job,
    Wait: _instead_of_waiting,
    AwsCall: _instead_of_calling,
    AwsSensor: _instead_of_calling,
}


def _with_workers(
    workflow: Workflow, deciders: Mapping[str, Task], skippers: Mapping[str, Sequence[str]], void: Collection[str]
) -> Workflow:
    """A skipped worker ends with success as far as Batch can see, so below a worker there must be workers.

    :param void: the mapped tasks without instances, which are skipped too
    """
    may_skip: dict[str, bool] = {}
    tasks = []
    for task in workflow.tasks:
        below = any(may_skip[up] for up in above(task))
        looks = below or decides(task, skippers[task.task_id])
        if why := WORKER_INSTEAD[type(task.work)](task, looks, task.task_id in deciders):
            task = replace(task, work=task.work.in_worker(why))
        may_skip[task.task_id] = below or task.work.has_worker or task.task_id in void
        tasks.append(task)
    return replace(workflow, tasks=tuple(tasks))


def _stopping(workflow: Workflow, depends_on: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Batch then starts nothing below them, and the mirror ends all of it as skipped, which under all_success it is."""
    by_id = workflow.by_id
    for task_id, waits in depends_on.items():
        if by_id[task_id].work.native_job:
            yield from (up for up in waits if by_id[up].work.has_worker)
