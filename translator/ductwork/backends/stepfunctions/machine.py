"""The Step Functions back end: a workflow as one Standard state machine in JSONata.

The plan (``ductwork.structure``) nests series and parallel parts: a series becomes states one after another, a parallel
part a Parallel, and order that nesting cannot say a join (``joins``). A task's decision reads its *direct* upstream
tasks, whatever the order implies. Every task ends by itself: a failure is an outcome that later states read, never an
error that stops siblings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from ductwork import structure
from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import costs, regions, run
from ductwork.backends.stepfunctions.dataflow import DataFlow, Known
from ductwork.backends.stepfunctions.joins import Join
from ductwork.backends.stepfunctions.past import Past, pasts
from ductwork.backends.stepfunctions.slots import Limit
from ductwork.backends.stepfunctions.tasks import State, TaskStates
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Workflow
from ductwork.names import STATE_NAME_LIMIT, shorten

MAX_DEFINITION_BYTES = 1_048_576
_SPLIT = "split the DAG in two and let the first trigger the second"


def emit(workflow: Workflow, diagnostics: Diagnostics) -> Mapping[str, Any] | None:
    """The state machine's definition, or None where diagnostics say why there is none."""
    worker_job.check(workflow, diagnostics)
    plan = structure.plan(workflow)
    emitter = _Emitter(workflow, plan)
    first, states = emitter.part(plan, Known(), frozenset(workflow.leaves), run.FINISH)
    machine = {
        "Comment": f"Airflow DAG {workflow.dag_id}, compiled by Ductwork",
        "QueryLanguage": "JSONata",
        **({"TimeoutSeconds": math.ceil(workflow.timeout)} if workflow.timeout else {}),
        "StartAt": run.PREPARE,
        "States": run.opening(workflow, first, joins=emitter.has_joins) | states | run.closing(workflow),
    }
    _, events = costs.cost(machine)
    if events > costs.MAX_EVENTS:
        what = f"a run makes {events:,} history events, AWS allows {costs.MAX_EVENTS:,}"
        diagnostics.add("DW311", workflow.origin, what, _SPLIT, dag_id=workflow.dag_id)
        return None
    size = len(json.dumps(machine, separators=(",", ":"), ensure_ascii=False).encode())
    if size > MAX_DEFINITION_BYTES:
        what = f"the definition takes {size:,} bytes, AWS accepts {MAX_DEFINITION_BYTES:,}"
        diagnostics.add("DW311", workflow.origin, what, _SPLIT, dag_id=workflow.dag_id)
        return None
    return machine


class _Emitter:
    """Emits parts from the last to the first, because a part must know what is read after it.

    Every method returns the first state's name and the states in reading order.
    """

    def __init__(self, workflow: Workflow, plan: structure.Part, region: str = "") -> None:
        self._workflow = workflow
        self._tasks = workflow.by_id
        self._region_name = region
        self._flow = DataFlow(workflow, plan, indexed=bool(region))
        self._pasts = {} if region else pasts(workflow)
        self._told_by: dict[str, list[Past]] = {task: [] for task in self._tasks}
        for past in self._pasts.values():
            for task in past.tells:
                self._told_by[task].append(past)
        self.has_joins = bool(self._flow.joins)

    def part(
        self, part: structure.Part, known: Known, live: frozenset[str], after: str | None
    ) -> tuple[str, dict[str, State]]:
        """
        :param known: what the state data may hold where the part starts
        :param live: tasks whose outcomes, or marks, are read by states after this part
        :param after: the state that follows, None at the end of a branch
        """
        if isinstance(part, structure.Leaf):
            return self._leaf(part, known, live, after)
        if isinstance(part, structure.Parallel):
            return self._parallel(part, known, live, after)
        if isinstance(part, structure.Gate):
            return self._gate(part, known, live, after)
        if isinstance(part, structure.Region):
            return self._region(part, known, live, after)
        return self._series(part, known, live, after)

    def _leaf(
        self, part: structure.Leaf, known: Known, live: frozenset[str], after: str | None
    ) -> tuple[str, dict[str, State]]:
        task = self._tasks[part.task]
        then = self._flow.after(part, known)
        follows, told, live = self._tells(part.task, then, live, after)
        limits = [Limit.of_task(self._workflow, task, slots) for slots in task.slots]
        for limit in limits:
            follows, states = limit.free(self._flow.kept(then, live).output({}, exactly=True), follows)
            told.append(states)
        first, states = TaskStates(
            self._workflow,
            task,
            diversions=self._flow.decisions.diversions[part.task],
            indexed=bool(self._region_name),
            kept=self._flow.kept(then, live - {part.task}),
            marks=[down for down in task.skips if down in live],
            needed=part.task in live,
            after=follows,
            before=[past.wait for past in (self._pasts.get(part.task),) if past] + [limit.take for limit in limits],
        ).build()
        for more in reversed(told):
            states |= more
        return first, states

    def _tells(
        self, task: str, then: Known, live: frozenset[str], after: str | None
    ) -> tuple[str | None, list[dict[str, State]], frozenset[str]]:
        """The states after a task that tell others of its end, last first; what follows the task, and what is live."""
        told: list[dict[str, State]] = []
        tellers: list[Join | Past] = [*self._flow.tells.get(task, ()), *self._told_by.get(task, ())]
        for teller in reversed(tellers):
            after, states = teller.tell(self._workflow.ledger_table, task, self._flow.kept(then, live), after)
            told.append(states)
            live = live | {task} | set(teller.marks if isinstance(teller, Join) else ())
        return after, told, live

    def _region(
        self, part: structure.Region, known: Known, live: frozenset[str], after: str | None
    ) -> tuple[str, dict[str, State]]:
        then = self._flow.after(part, known)
        told: list[dict[str, State]] = []
        for task in reversed(part.tasks):
            after, telling, live = self._tells(task, then, live, after)
            told += telling
        reads = self._flow.reads(part)
        needed = sorted(live & set(part.tasks))
        inner = _Emitter(self._workflow, part.plan, region=part.group)
        start = Known(self._flow.bits(reads))
        first, inside = inner.part(part.plan, start, frozenset(needed), None)
        first, states = regions.states(
            self._workflow,
            part.group,
            {"StartAt": first, "States": inside},
            reads=self._flow.kept(known, reads),
            kept=self._flow.kept(then, live - set(part.tasks)),
            needed=needed,
            after=after,
        )
        for more in reversed(told):
            states |= more
        return first, states

    def _series(
        self, part: structure.Series, known: Known, live: frozenset[str], after: str | None
    ) -> tuple[str, dict[str, State]]:
        starts = []
        for inner in part.parts:
            starts.append(known)
            known = self._flow.after(inner, known)
        sections: list[dict[str, State]] = []
        first = after
        for inner, start in zip(reversed(part.parts), reversed(starts), strict=True):
            first, states = self.part(inner, start, live, first)
            sections.append(states)
            live = self._flow.before(inner, live)
        ordered: dict[str, State] = {}
        for states in reversed(sections):
            ordered |= states
        assert first is not None or not part.parts
        return first or "", ordered

    def _parallel(
        self, part: structure.Parallel, known: Known, live: frozenset[str], after: str | None
    ) -> tuple[str, dict[str, State]]:
        members = structure.members(part)
        branches = []
        for inner in part.parts:
            own = structure.members(inner)
            marks = {task for task in live - members if task in self._flow.marked_in(inner)}
            first, states = self.part(inner, known, (live & own) | marks, None)
            branches.append({"StartAt": first, "States": states})
        name = shorten(", ".join(_first_task(inner) for inner in part.parts), STATE_NAME_LIMIT)
        state: State = {
            "Type": "Parallel",
            "Arguments": self._flow.kept(known, self._flow.reads(part)).arguments(),
            "Branches": branches,
            "Output": self._flow.kept(known, live - members).collected(exactly=after is None),
            **({"End": True} if after is None else {"Next": after}),
        }
        return name, {name: state}

    def _gate(
        self, part: structure.Gate, known: Known, live: frozenset[str], after: str | None
    ) -> tuple[str, dict[str, State]]:
        join = self._flow.joins[part.key]
        inside = self._flow.opened(part, known)
        first, states = self.part(part.part, inside, live, after)
        kept = self._flow.kept(known, self._flow.before(part.part, live))
        awaiting, waiting = join.wait(self._workflow.ledger_table, kept, first)
        return awaiting, waiting | states


def _first_task(part: structure.Part) -> str:
    while not isinstance(part, structure.Leaf):
        if isinstance(part, structure.Region):
            return part.group
        part = part.part if isinstance(part, structure.Gate) else part.parts[0]
    return part.task
