"""How the tasks of a job chain look at each other's outcomes, and how they end so that others can.

Batch starts a job when all it depends on succeeded, which is Airflow's all_success but for skipping. Whatever is to be
decided otherwise, a worker decides from the ledger before it runs its task; Batch must then start that worker. So where
a task below may not simply be upstream_failed, a failed task's job ends well: *quietly*, its failure in the ledger.

A plain container can neither look nor end quietly: it stays one where its failure, and that of any task above it, stops
all that is below.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ductwork import graph, structure
from ductwork.backends.batch import sizes
from ductwork.ir import BatchJob, Instant, Task, Wait, Worker, Workflow
from ductwork.trigger_rules import ALWAYS, DEFAULT


@dataclass(frozen=True)
class Gated:
    """
    :param workflow: with workers where only a worker can do in a chain what a task is to do
    :param deciders: for each task a task below that may not simply be upstream_failed if it fails, where Batch must
        start a job to find out
    :param quiet: the workers whose jobs end well even if their tasks fail
    :param stopping: the workers whose jobs must fail if they are skipped: a plain container below cannot look
    :param depends_on: see :func:`dependencies`
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


def above(task: Task) -> tuple[str, ...]:
    """The tasks that have ended before a task starts."""
    return () if task.trigger_rule == ALWAYS else tuple(dict.fromkeys((*task.upstream, *task.setups, *task.scope)))


def jobs_above(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """For each task the jobs it waits for: what is below an empty task waits for what is above it."""
    is_job = {task.task_id: not isinstance(task.work, Instant) for task in workflow.tasks}
    waits: dict[str, tuple[str, ...]] = {}
    for task in workflow.tasks:
        jobs = (job for up in above(task) for job in ((up,) if is_job[up] else waits[up]))
        waits[task.task_id] = tuple(dict.fromkeys(jobs))
    return waits


def dependencies(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """For each job the fewest others that it must depend on: the transitive reduction."""
    jobs = {task.task_id for task in workflow.tasks if not isinstance(task.work, Instant)}
    return graph.Order({task: waits for task, waits in jobs_above(workflow).items() if task in jobs}).reduced_upstream()


def gated(workflow: Workflow) -> Gated:
    """How each task of a workflow is carried out in a chain."""
    known = workflow.sizes
    workflow = sizes.prepared(workflow, known)
    skippers = _skippers(workflow, known)
    deciders = _deciders(workflow, skippers)
    workflow = _with_workers(workflow, deciders, skippers, {task_id for task_id, size in known.items() if not size})
    depends_on = dependencies(workflow)
    return Gated(
        workflow,
        deciders,
        quiet={task.task_id for task in workflow.tasks if isinstance(task.work, Worker) and task.task_id in deciders},
        stopping=set(_stopping(workflow, depends_on)),
        depends_on=depends_on,
        skippers=skippers,
        overtaken=_overtaken(workflow, skippers),
        sizes=known,
    )


def is_plain(task: Task) -> bool:
    """A container that an operator describes: no worker could run it in its place."""
    return isinstance(task.work, BatchJob) and task.work.container is not None


def unlike_airflow(task: Task) -> Iterator[tuple[str, str]]:
    """``(what, field)``: what Airflow does about a job of the user's own and Batch, left to itself, does not."""
    if not isinstance(task.work, BatchJob):
        return
    if not task.work.wait:
        yield "Airflow does not wait for its end, and what is below it in a chain does", "wait_for_completion"
    if not task.retry.retries:
        return
    if task.work.timeout is not None:
        field = "retries" if task.execution_timeout is None else "execution_timeout"
        yield "AWS Batch does not try an attempt again that has run out of its time", field
    if "retryStrategy" in task.work.request:
        yield "retry_strategy takes the place that its retries would have in a chain", "retry_strategy"
    if "arrayProperties" in task.work.request:
        yield "AWS Batch tries the failed children of an array again, and not the whole", "array_properties"


def decides(task: Task, skipped_by: Sequence[str]) -> bool:
    """Whether a task may end otherwise than upstream_failed below one that failed."""
    return bool(above(task)) and (task.trigger_rule != DEFAULT or bool(skipped_by))


def _skippers(workflow: Workflow, known: Mapping[str, int]) -> dict[str, list[str]]:
    """Airflow skips task instances that are not mapped, and what is directly below. Instances whose number the file
    tells are there from the start, so that nobody skips them from further above."""
    found: dict[str, list[str]] = {task.task_id: [] for task in workflow.tasks}
    by_id = workflow.by_id
    for task in workflow.tasks:
        for down in task.skips:
            if not known.get(down) or task.task_id in by_id[down].upstream:
                found[down].append(task.task_id)
    return found


def _overtaken(workflow: Workflow, skippers: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    order = graph.Order(structure.waits(workflow))
    place = {node: number for number, node in enumerate(order.nodes)}

    def certain(task_id: str, up: str) -> bool:
        return bool(order.ancestors[place[task_id]] >> place[up] & 1)

    return {task_id: [up for up in found if not certain(task_id, up)] for task_id, found in skippers.items()}


def _deciders(workflow: Workflow, skippers: Mapping[str, Sequence[str]]) -> dict[str, Task]:
    is_above_job: set[str] = set()
    found: dict[str, Task] = {}
    for task in reversed(workflow.tasks):
        if not isinstance(task.work, Instant) or task.task_id in is_above_job:
            is_above_job.update(above(task))
            # The nearest one makes the clearest message.
            decider = task if decides(task, skippers[task.task_id]) else found.get(task.task_id)
            if decider is not None:
                found.update(dict.fromkeys(above(task), decider))
    return found


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
        if isinstance(task.work, Wait):
            task = replace(task, work=Worker("a job chain cannot wait for a moment, so a worker does"))
        elif isinstance(task.work, BatchJob) and not is_plain(task):
            why = ""
            if below or decides(task, skippers[task.task_id]):
                why = "in a job chain, a task below a worker may have to be skipped, which only a worker can see"
            elif task.task_id in deciders:
                why = "in a job chain, only a worker can fail and yet let a task below it run"
            elif unlike := next(unlike_airflow(task), None):
                why = f"in a job chain, only a worker does with the job as Airflow would: {unlike[0]}"
            task = replace(task, work=Worker(why)) if why else task
        may_skip[task.task_id] = below or isinstance(task.work, Worker) or task.task_id in void
        tasks.append(task)
    return replace(workflow, tasks=tuple(tasks))


def _stopping(workflow: Workflow, depends_on: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Batch then starts nothing below them, and the mirror ends all of it as skipped, which under all_success it is."""
    by_id = workflow.by_id
    for task_id, waits in depends_on.items():
        if isinstance(by_id[task_id].work, BatchJob):
            yield from (up for up in waits if isinstance(by_id[up].work, Worker))
