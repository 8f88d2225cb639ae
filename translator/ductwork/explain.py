"""``ductwork explain``: how each task of a DAG is carried out, and what one run of it costs in states and events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ductwork.backends.stepfunctions.costs import cost
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
            joins = sum(name.startswith("Await ") for name in _state_names(artefact.document))
            if joins:
                lines.append(f"  joins of crossing branches and early rules: {joins}")
    return "\n".join(lines)


def _per_task(size: int, workflow: Workflow) -> str:
    return f", {size // len(workflow.tasks):,} a task" if workflow.tasks else ""


def _state_names(scope: Mapping[str, Any]) -> Iterator[str]:
    for name, state in scope["States"].items():
        yield name
        for branch in state.get("Branches", ()):
            yield from _state_names(branch)
