"""The Step Functions back end: a workflow as one Standard state machine in JSONata.

The order of tasks (the transitive reduction) decomposes into series and parallel parts: a series becomes states one
after another, a parallel part a Parallel. A task's decision reads its *direct* upstream tasks, whatever the order
implies. Every task ends by itself: a failure is an outcome that later states read, never an error that stops siblings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ductwork import graph
from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import outcomes, run
from ductwork.backends.stepfunctions.jsonata import expression, of_input
from ductwork.backends.stepfunctions.tasks import State, TaskStates
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Instant, Task, Workflow
from ductwork.names import STATE_NAME_LIMIT, shorten

MAX_DEFINITION_BYTES = 1_048_576


def emit(workflow: Workflow, diagnostics: Diagnostics) -> Mapping[str, Any] | None:
    """The state machine's definition, or None where diagnostics say why there is none."""
    worker_job.check(workflow, diagnostics)
    order = graph.Order({task.task_id: task.upstream for task in workflow.tasks})
    structure = order.decompose()
    if crossing := _primes(structure):
        _report_crossing(workflow, crossing, diagnostics)
        return None
    first, states = _Emitter(workflow).part(structure, frozenset(workflow.leaves), run.FINISH)
    machine = {
        "Comment": f"Airflow DAG {workflow.dag_id}, compiled by Ductwork",
        "QueryLanguage": "JSONata",
        "StartAt": run.PREPARE,
        "States": run.opening(workflow, first) | states | run.closing(workflow),
    }
    size = len(json.dumps(machine, separators=(",", ":"), ensure_ascii=False).encode())
    if size > MAX_DEFINITION_BYTES:
        what = f"the definition takes {size:,} bytes, AWS accepts {MAX_DEFINITION_BYTES:,}"
        hint = "split the DAG in two and let the first trigger the second"
        diagnostics.add("DW311", workflow.origin, what, hint, dag_id=workflow.dag_id)
        return None
    return machine


class _Emitter:
    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._tasks = workflow.by_id
        self._diverting = _diverting(workflow)

    def part(self, part: graph.Part, live: frozenset[str], after: str | None) -> tuple[str, dict[str, State]]:
        """The states of one part.

        :param live: tasks whose outcomes are read by states after this part
        :param after: the state that follows, None at the end of a branch
        :return: the first state's name, and the states in reading order
        """
        if isinstance(part, graph.Leaf):
            return self._leaf(self._tasks[part.node], live, after)
        if isinstance(part, graph.Parallel):
            return self._parallel(part, live, after)
        assert isinstance(part, graph.Series), "crossing parts are reported before anything is emitted"
        return self._series(part, live, after)

    def _leaf(self, task: Task, live: frozenset[str], after: str | None) -> tuple[str, dict[str, State]]:
        return TaskStates(
            self._workflow,
            task,
            diverting=self._diverting[task.task_id],
            kept=sorted(live - {task.task_id}),
            needed=task.task_id in live,
            after=after,
        ).build()

    def _series(self, part: graph.Series, live: frozenset[str], after: str | None) -> tuple[str, dict[str, State]]:
        sections: list[dict[str, State]] = []
        first = after
        for inner in reversed(part.parts):
            first, states = self.part(inner, live, first)
            sections.append(states)
            members = _members(inner)
            live = (live - members) | self._read_by(members)
        ordered: dict[str, State] = {}
        for states in reversed(sections):
            ordered |= states
        assert first is not None or not part.parts
        return first or "", ordered

    def _parallel(self, part: graph.Parallel, live: frozenset[str], after: str | None) -> tuple[str, dict[str, State]]:
        branches = []
        for inner in part.parts:
            first, states = self.part(inner, live & _members(inner), None)
            branches.append({"StartAt": first, "States": states})
        members = _members(part)
        name = shorten(", ".join(_first_task(inner) for inner in part.parts), STATE_NAME_LIMIT)
        state: State = {
            "Type": "Parallel",
            "Arguments": {task: expression(of_input(task)) for task in sorted(self._read_by(members))},
            "Branches": branches,
            "Output": outcomes.collect(sorted(live - members), exactly=after is None),
            **({"End": True} if after is None else {"Next": after}),
        }
        return name, {name: state}

    def _read_by(self, members: frozenset[str]) -> frozenset[str]:
        """Tasks outside ``members`` whose outcomes decisions of ``members`` read."""
        read = {up for task in members if self._diverting[task] for up in self._tasks[task].upstream}
        return frozenset(read - members)


def _diverting(workflow: Workflow) -> dict[str, bool]:
    """For each task: can an upstream task end in something else than success?"""
    diverting: dict[str, bool] = {}
    for task in workflow.tasks:
        diverting[task.task_id] = any(
            diverting[up] or not isinstance(workflow.by_id[up].work, Instant) for up in task.upstream
        )
    return diverting


def _members(part: graph.Part) -> frozenset[str]:
    if isinstance(part, graph.Leaf):
        return frozenset({part.node})
    if isinstance(part, graph.Prime):
        return frozenset(part.nodes)
    return frozenset().union(*map(_members, part.parts))


def _first_task(part: graph.Part) -> str:
    while not isinstance(part, graph.Leaf):
        part = part.parts[0] if not isinstance(part, graph.Prime) else graph.Leaf(part.nodes[0])
    return part.node


def _primes(part: graph.Part) -> list[graph.Prime]:
    if isinstance(part, graph.Prime):
        return [part]
    return [] if isinstance(part, graph.Leaf) else [prime for inner in part.parts for prime in _primes(inner)]


def _report_crossing(workflow: Workflow, primes: list[graph.Prime], diagnostics: Diagnostics) -> None:
    for prime in primes:
        named = ", ".join(prime.nodes[:8]) + (f" and {len(prime.nodes) - 8} more" if len(prime.nodes) > 8 else "")
        first = workflow.by_id[prime.nodes[0]]
        diagnostics.add(
            "DW301",
            first.origin,
            f"the dependencies among {named} cross",
            "compile with --target batch, which can express any order",
            dag_id=workflow.dag_id,
            task_id=first.task_id,
        )
