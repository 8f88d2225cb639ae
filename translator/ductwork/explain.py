"""``ductwork explain``: how each task of a DAG is carried out, and what one run of it costs in states and events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ductwork.backends.batch import sizes
from ductwork.backends.stepfunctions import arrays
from ductwork.backends.stepfunctions.costs import cost
from ductwork.backends.stepfunctions.integrations import UPDATE_ITEM_AND_WAIT
from ductwork.compiler import Artefact
from ductwork.ir import BatchJob, Instant, Task, Wait, Worker, Workflow
from ductwork.lengths import Length

_KINDS = {Worker: "worker", Instant: "instant", BatchJob: "native", Wait: "wait"}


def describe(workflow: Workflow, artefact: Artefact | None) -> str:
    """Text for a person: one line per task, then the totals."""
    chain = artefact is not None and artefact.kind == "batch"
    lines = [f"{workflow.dag_id} ({workflow.origin})", *_tasks(workflow, chain=chain)]
    if artefact is not None:
        size = len(artefact.text().encode())
        lines.append(f"  {artefact.kind}: {size:,} bytes{_per_task(size, workflow)}")
        if artefact.kind == "asl":
            transitions, events = cost(artefact.document)
            count = max(len(workflow.tasks), 1)
            lines.append(
                f"  a run without failures: {transitions} transitions, {events} history events"
                f" ({transitions / count:.1f} and {events / count:.1f} a task)"
            )
            joins = sum(map(_waits_at_join, _states(artefact.document)))
            if joins:
                lines.append(f"  joins of crossing branches and early rules: {joins}")
    return "\n".join(lines)


def _tasks(workflow: Workflow, *, chain: bool) -> Iterator[str]:
    """A line for each task, below a line for each task group around it."""
    known = workflow.sizes if chain else {}
    workflow = sizes.prepared(workflow, known)
    width = max((2 * len(task.within) + len(task.task_id) for task in workflow.tasks), default=0)
    tasks = sorted(workflow.tasks, key=_placed(workflow.tasks))
    around: tuple[str, ...] = ()
    for task in tasks:
        for depth, group_id in enumerate(task.within):
            if around[: depth + 1] != task.within[: depth + 1]:
                yield "  " * (depth + 1) + _group(workflow, group_id)
        around = task.within
        indent = "  " * (len(around) + 1)
        room = width - 2 * len(around)
        how = f"{_KINDS[type(task.work)]:<8}{task.work.why}{_instances(workflow, task, known)}"
        yield f"{indent}{task.task_id:<{room}}  {how}"


def _placed(tasks: Sequence[Task]) -> Callable[[Task], list[int]]:
    """Sorts the tasks of a group next to one another, each group where its first task stands."""
    first: dict[tuple[str, ...], int] = {}
    for number, task in enumerate(tasks):
        for depth in range(len(task.within)):
            first.setdefault(task.within[: depth + 1], number)
    at = {task.task_id: number for number, task in enumerate(tasks)}
    return lambda task: [*(first[task.within[: depth + 1]] for depth in range(len(task.within))), at[task.task_id]]


def _group(workflow: Workflow, group_id: str) -> str:
    group, length = workflow.task_groups[group_id], workflow.groups.get(group_id)
    mapped = f", mapped: {_most(workflow, length)}" if length is not None else ""
    return f"[{group.label}]{mapped}{'  ' + group.tooltip if group.tooltip else ''}"


def _instances(workflow: Workflow, task: Task, known: Mapping[str, int]) -> str:
    """
    :param known: of each mapped task of a chain how many instances it has
    """
    if task.task_id in known and isinstance(task.work, Worker):
        return f": {_children(known[task.task_id])}"
    if task.length is None or task.task_id in known:
        return ""
    how = "children of an array job" if arrays.fits(task) else "iterations of a Map"
    return f": {_most(workflow, task.length)}, {how}"


def _children(size: int) -> str:
    return "1 instance, a plain job" if size == 1 else f"{size:,} instances, children of an array job"


def _most(workflow: Workflow, length: Length) -> str:
    return f"{workflow.most(length):,} instances at the most"


def _per_task(size: int, workflow: Workflow) -> str:
    return f", {size // len(workflow.tasks):,} a task" if workflow.tasks else ""


def _states(scope: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for state in scope["States"].values():
        yield state
        for inner in (*state.get("Branches", ()), *filter(None, [state.get("ItemProcessor")])):
            yield from _states(inner)


def _waits_at_join(state: Mapping[str, Any]) -> bool:
    """Tasks wait by token for free slots and for earlier runs too; a join is known by the item that keeps the token."""
    return state.get("Resource") == UPDATE_ITEM_AND_WAIT and "run.joins" in state["Arguments"]["Key"]["sk"]["S"]
