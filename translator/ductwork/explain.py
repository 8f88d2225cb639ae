"""``ductwork explain``: how each task of a DAG is carried out, and what one run of it costs in states and events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ductwork.backends.stepfunctions.costs import cost
from ductwork.backends.stepfunctions.integrations import UPDATE_ITEM_AND_WAIT
from ductwork.compiler import Artefact
from ductwork.ir import BatchJob, Instant, Wait, Worker, Workflow

_KINDS = {Worker: "worker", Instant: "instant", BatchJob: "native", Wait: "wait"}


def describe(workflow: Workflow, artefact: Artefact | None) -> str:
    """Text for a person: one line per task, then the totals."""
    lines = [f"{workflow.dag_id} ({workflow.origin})"]
    width = max((len(task.task_id) for task in workflow.tasks), default=0)
    for task in workflow.tasks:
        lines.append(f"  {task.task_id:<{width}}  {_KINDS[type(task.work)]:<8}{task.work.why}")
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
