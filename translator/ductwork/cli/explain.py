"""``ductwork explain``: how each task of a DAG is carried out, and what one run of it costs in states and events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ductwork.backends.batch import map_sizes
from ductwork.backends.stepfunctions.asl.integrations import UPDATE_ITEM_AND_WAIT
from ductwork.backends.stepfunctions.costs import cost
from ductwork.backends.stepfunctions.mapping import array_job
from ductwork.cli import task_costs
from ductwork.compiler import Artefact, to_json
from ductwork.contracts import machine_bundle
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.stepfunctions_limits import MAX_DEFINITION_BYTES, MAX_EVENTS
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Task, Workflow
from ductwork.ir.map_length import Length
from ductwork.schedules import started_by


def describe(workflow: Workflow, artefact: Artefact | None) -> str:
    """Text for a person: one line per task, then the totals."""
    chain = artefact is not None and artefact.kind == "batch"
    lines = [f"{workflow.dag_id} ({workflow.origin})", *_tasks(workflow, chain=chain)]
    if artefact is not None:
        size = len(artefact.text().encode())
        lines.append(f"  {artefact.kind}: {size:,} bytes{_per_task(size, workflow)}")
        if artefact.kind == "asl":
            starts = started_by(workflow, findings := Diagnostics())
            lines += [f"  started by {starts.told()}"] if starts else []
            lines += [f"  {each.code}: {each.what}" for each in findings]
            machines = machine_bundle.machines(artefact.document)
            lines += [*_of_machines(workflow, machines), *task_costs.table(workflow, machines)]
    return "\n".join(lines)


def _of_machines(workflow: Workflow, machines: Sequence[JsonObject]) -> Iterator[str]:
    costs = [cost(machine) for machine in machines]
    transitions, events = (sum(values) for values in zip(*costs, strict=True))
    count = max(len(workflow.tasks), 1)
    if len(machines) > 1:
        size = sum(len(to_json(machine).encode()) for machine in machines)
        yield (
            f"  {len(machines)} state machines, of which the first starts the others, itself or by one of them: a "
            f"definition may have {MAX_DEFINITION_BYTES:,} bytes and a history {MAX_EVENTS:,} events, and these have "
            f"{size:,} and {events:,}"
        )
    yield (
        f"  a run without failures: {transitions} transitions, {events} history events"
        f" ({transitions / count:.1f} and {events / count:.1f} a task)"
    )
    if joins := sum(_waits_at_join(state) for machine in machines for _, state in task_costs.states(machine)):
        yield f"  joins of crossing branches and early rules: {joins}"


def _tasks(workflow: Workflow, *, chain: bool) -> Iterator[str]:
    """A line for each task, below a line for each task group around it."""
    counts = workflow.sizes if chain else {}
    workflow = map_sizes.prepared(workflow, counts)
    width = max((2 * len(task.group_path) + len(task.task_id) for task in workflow.tasks), default=0)
    tasks = sorted(workflow.tasks, key=_placed(workflow.tasks))
    around: tuple[str, ...] = ()
    for task in tasks:
        for depth, group_id in enumerate(task.group_path):
            if around[: depth + 1] != task.group_path[: depth + 1]:
                yield "  " * (depth + 1) + _group(workflow, group_id)
        around = task.group_path
        indent = "  " * (len(around) + 1)
        room = width - 2 * len(around)
        how = f"{task.work.kind:<8}{task.work.why}{_instances(workflow, task, counts)}"
        yield f"{indent}{task.task_id:<{room}}  {how}"


def _placed(tasks: Sequence[Task]) -> Callable[[Task], list[int]]:
    """A sort key that puts the tasks of a group next to each other, each group where its first task is."""
    first: dict[tuple[str, ...], int] = {}
    for number, task in enumerate(tasks):
        for depth in range(len(task.group_path)):
            first.setdefault(task.group_path[: depth + 1], number)
    at = {task.task_id: number for number, task in enumerate(tasks)}
    return lambda task: [
        *(first[task.group_path[: depth + 1]] for depth in range(len(task.group_path))),
        at[task.task_id],
    ]


def _group(workflow: Workflow, group_id: str) -> str:
    group, length = workflow.task_groups[group_id], workflow.mapped_groups.get(group_id)
    mapped = f", mapped: {_most(workflow, length)}" if length is not None else ""
    return f"[{group.label}]{mapped}{'  ' + group.tooltip if group.tooltip else ''}"


def _instances(workflow: Workflow, task: Task, counts: Mapping[str, int]) -> str:
    """What carries the instances of a mapped task, for the end of its line; empty for other tasks.

    :param counts: how many instances each mapped task of a chain has
    """
    if task.task_id in counts and task.work.has_worker:
        return f": {_children(counts[task.task_id])}"
    if task.length is None or task.task_id in counts:
        return ""
    how = "children of an array job" if array_job.fits(task) else "iterations of a Map"
    return f": {_most(workflow, task.length)}, {how}"


def _children(size: int) -> str:
    return "1 instance, a plain job" if size == 1 else f"{size:,} instances, children of an array job"


def _most(workflow: Workflow, length: Length) -> str:
    return f"{workflow.most(length):,} instances at the most"


def _per_task(size: int, workflow: Workflow) -> str:
    return f", {size // len(workflow.tasks):,} a task" if workflow.tasks else ""


def _waits_at_join(state: Mapping[str, Any]) -> bool:
    """Whether a state waits at a join.

    Tasks also wait by token for free slots and for earlier runs; the item that keeps the token shows which it is.
    """
    return state.get("Resource") == UPDATE_ITEM_AND_WAIT and "run.joins" in str(state["Arguments"])
