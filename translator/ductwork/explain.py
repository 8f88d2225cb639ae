"""``ductwork explain``: how each task of a DAG is carried out, and what one run of it costs in states and events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ductwork.compiler import Artefact
from ductwork.ir import BatchJob, Instant, Workflow

# History events of one visit to a state (service quotas count them; see the Step Functions developer guide).
_EVENTS = {"Pass": 2, "Choice": 2, "Wait": 2, "Succeed": 2, "Fail": 1, "Parallel": 4}
_EVENTS_REQUEST, _EVENTS_JOB = 5, 6


def describe(workflow: Workflow, artefact: Artefact | None) -> str:
    """Text for a person: one line per task, then the totals."""
    lines = [f"{workflow.dag_id} ({workflow.origin})"]
    width = max((len(task.task_id) for task in workflow.tasks), default=0)
    for task in workflow.tasks:
        kind = (
            "instant" if isinstance(task.work, Instant) else "native" if isinstance(task.work, BatchJob) else "worker"
        )
        lines.append(f"  {task.task_id:<{width}}  {kind:<8}{task.work.why}")
    if artefact is not None:
        size = len(artefact.text().encode())
        lines.append(f"  {artefact.kind}: {size:,} bytes{_per_task(size, workflow)}")
        if artefact.kind == "asl":
            visited = list(_happy_path(artefact.document))
            events = 2 + sum(map(_events, visited))
            lines.append(f"  a run without failures: {len(visited)} transitions, {events} history events")
    return "\n".join(lines)


def _per_task(size: int, workflow: Workflow) -> str:
    return f", {size // len(workflow.tasks):,} a task" if workflow.tasks else ""


def _happy_path(machine: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The states a run visits in which every task succeeds."""
    name = machine["StartAt"]
    while name is not None:
        state = machine["States"][name]
        yield state
        for branch in state.get("Branches", ()):
            yield from _happy_path(branch)
        # The last Choice tests for success; the Choice before a task tests for what diverts it.
        name = state["Choices"][0]["Next"] if state.get("Default") == "Run failed" else state.get("Default")
        name = name or state.get("Next")


def _events(state: Mapping[str, Any]) -> int:
    if state["Type"] == "Task":
        return _EVENTS_JOB if json.dumps(state["Resource"]).endswith('.sync"') else _EVENTS_REQUEST
    return _EVENTS[state["Type"]]
