"""The Step Functions back end: a workflow as one Standard state machine in JSONata.

The plan (``ductwork.structure``) nests series and parallel parts: a series becomes states one after another, a parallel
part a Parallel, and order that nesting cannot say a join (``joins``). A task's decision reads its *direct* upstream
tasks, whatever the order implies. Every task ends by itself: a failure is an outcome that later states read, never an
error that stops siblings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ductwork import structure
from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import arrays, costs, integrations, regions, run
from ductwork.backends.stepfunctions.dataflow import DataFlow, Known
from ductwork.backends.stepfunctions.joins import Join
from ductwork.backends.stepfunctions.mapped import Expansion, OneByOne
from ductwork.backends.stepfunctions.maps import Each
from ductwork.backends.stepfunctions.outcomes import Kept
from ductwork.backends.stepfunctions.past import Past, pasts
from ductwork.backends.stepfunctions.slots import Limit
from ductwork.backends.stepfunctions.tasks import State, TaskStates
from ductwork.diagnostics import Diagnostics
from ductwork.ir import BatchJob, Task, Workflow
from ductwork.names import STATE_NAME_LIMIT, shorten

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
    if (what := next(costs.excesses(machine, emitter.iteration_events), None)) is not None:
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
        self.iteration_events = 0

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
        diversions = self._flow.decisions.diversions[part.task]
        if self._region_name:
            diversions = (regions.NO_ITEMS, *diversions, regions.NO_INSTANCE)
        expansion = self._expansion(task) if task.length is not None else None
        # The instances of a mapped task take their slots themselves.
        limits = [] if expansion else self._limits(task, indexed=bool(self._region_name))
        freeing = self._flow.kept(then, live).output({}, exactly=True)
        follows, freed = _free(limits, freeing, follows)
        first, states = TaskStates(
            self._workflow,
            task,
            diversions=diversions,
            indexed=bool(self._region_name),
            guarded=self._workflow.restartable,
            expansion=expansion,
            kept=self._flow.kept(then, live - {part.task}),
            marks=[down for down in task.skips if down in live],
            needed=part.task in live,
            after=follows,
            before=[past.wait for past in (self._pasts.get(part.task),) if past] + [limit.take for limit in limits],
        ).build()
        for more in (freed, *reversed(told)):
            states |= more
        return first, states

    def _limits(self, task: Task, *, indexed: bool) -> list[Limit]:
        return [Limit.of_task(self._workflow, task, slots, indexed=indexed) for slots in task.slots]

    def _expansion(self, task: Task) -> Expansion:
        if arrays.fits(task):
            arguments = partial(integrations.submit_arguments, self._workflow.dag_id, task.task_id)
            return Expansion(self._workflow, task, arrays.Arrays(self._workflow, task, arguments))
        instances = OneByOne(self._workflow, task, partial(self._instance, task))
        self._note(instances.each)
        return Expansion(self._workflow, task, instances)

    def _instance(self, task: Task, after: str | None) -> tuple[str, dict[str, State]]:
        """The states of one instance of a mapped task."""
        limits = self._limits(task, indexed=True)
        kept = Kept((task.task_id,))
        follows, freed = _free(limits, kept.output({}, exactly=True), after)
        first, states = TaskStates(
            self._workflow,
            replace(task, length=None),
            diversions=(),
            indexed=True,
            instance=True,
            # A worker finds out by itself whether its instance has ended.
            guarded=self._workflow.restartable and isinstance(task.work, BatchJob),
            kept=Kept(),
            marks=(),
            needed=True,
            after=follows,
            before=[limit.take for limit in limits],
        ).build()
        return first, states | freed

    def _note(self, each: Each) -> None:
        if not each.distributed:
            self.iteration_events += each.inline_events

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
        needed = tuple(sorted(live & set(part.tasks)))
        inner = _Emitter(self._workflow, part.plan, region=part.group)
        self.has_joins |= inner.has_joins
        inside = partial(inner.part, part.plan, Known(self._flow.bits(reads)), frozenset(needed))
        region = regions.Region(self._workflow, part.group, part.tasks, needed)
        self._note(region.each)
        kept = self._flow.kept(then, live - set(part.tasks))
        first, states = region.states(inside, reads=self._flow.kept(known, reads), kept=kept, after=after)
        for more in reversed(told):
            states |= more
        # The group waits for the past as a whole.
        for task in reversed(part.tasks):
            if past := self._pasts.get(task):
                first, waiting = past.wait(first)
                states = waiting | states
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


def _free(limits: Sequence[Limit], going_on: Any, after: str | None) -> tuple[str | None, dict[str, State]]:
    """The states that hand slots on, the last one taken first; what follows the task, and the states."""
    sections: list[dict[str, State]] = []
    for limit in limits:
        after, states = limit.free(going_on, after)
        sections.append(states)
    freed: dict[str, State] = {}
    for states in reversed(sections):
        freed |= states
    return after, freed


def _first_task(part: structure.Part) -> str:
    while not isinstance(part, structure.Leaf):
        if isinstance(part, structure.Region):
            return part.group
        part = part.part if isinstance(part, structure.Gate) else part.parts[0]
    return part.task
