"""The Step Functions back end: a workflow as one Standard state machine in JSONata.

The layout (``ductwork.planning.layout``) nests series and parallel parts: a series becomes states one after another, a
parallel part a Parallel, and order that nesting cannot say a join (``waits.join``). A task's decision reads its
*direct* upstream tasks, whatever the order implies. Every task ends by itself: a failure is an outcome that later
states read, never an error that stops siblings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import child_machines, costs, kept_tasks, run_states, worker_requests
from ductwork.backends.stepfunctions.asl.printer import printed
from ductwork.backends.stepfunctions.asl.scope import RESULT
from ductwork.backends.stepfunctions.asl.state_data import Kept
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.child_machines import Deciding
from ductwork.backends.stepfunctions.dataflow.liveness import DataFlow, Known
from ductwork.backends.stepfunctions.dataflow.rule_conditions import Decisions
from ductwork.backends.stepfunctions.mapping import array_job, mapped_group
from ductwork.backends.stepfunctions.mapping.map_state import Each
from ductwork.backends.stepfunctions.mapping.mapped_task import Expansion, OneByOne
from ductwork.backends.stepfunctions.once import Once, all_printed
from ductwork.backends.stepfunctions.regions.extent import Extent
from ductwork.backends.stepfunctions.regions.region import RegionStates, Surroundings
from ductwork.backends.stepfunctions.tasks import kinds, poke_budget
from ductwork.backends.stepfunctions.tasks.frame import Place
from ductwork.backends.stepfunctions.tasks.worker_task import goes_on_alone
from ductwork.backends.stepfunctions.waits import depends_on_past, telling
from ductwork.backends.stepfunctions.waits.concurrency_limit import Limit
from ductwork.backends.stepfunctions.waits.depends_on_past import Past, pasts
from ductwork.contracts import machine_bundle
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.ledger import json_text
from ductwork.contracts.names import state_name
from ductwork.contracts.stepfunctions_limits import MAX_NESTING, SHARE_OF_POKES, SHARE_OF_RESCHEDULES
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Task, Workflow
from ductwork.planning import layout
from ductwork.planning.cut import Measures, Weight, cut
from ductwork.planning.shapes import Parallel, Series
from ductwork.semantics.leaf_rule import deciding_tasks

# What a machine of a bundle is filled to of the definition's bytes, and of a history's events: retries and loops that
# wait take more of these than the happy path. Where a cut turns out to be too large, another is made for less.
_FILLED, _MADE = 0.7, 0.6
_SHARES = (1.0, 0.75, 0.5, 0.25)
# What of a child's input is left to the run itself, with its conf.
_RUN_BYTES = 65_536
# What stays in the root whatever is cut: little is known of its last state before.
_RUN = Weight(1_000)
# About what a state takes that starts a child, with a few outcomes that go in and out.
_CHILD = Weight(1_300, 6)


def emit(
    workflow: Workflow, diagnostics: Diagnostics, room: int = MAX_NESTING, limits: costs.Limits = costs.AWS
) -> JsonObject | None:
    """The state machine's definition, or the bundle of several (``contracts.machine_bundle``) where one is too large;
    None where diagnostics say why there is neither.

    :param room: how many Parallels and Maps may be around a state
    :param limits: what one machine may take
    """
    worker_job.check(workflow, diagnostics)
    root = layout.of(workflow, room)
    once = Once(Decisions(workflow))
    emitter = _Emitter(workflow, root, once)
    whole = emitter.machine(root)
    if (what := emitter.excess(whole, limits)) is None:
        return whole
    tasks = run_states.facts(workflow)
    for share in _SHARES:
        parts = cut(root, emitter.measures(whole, limits, share))
        emission = _Emitter(workflow, parts, once)
        machine = emission.machine(parts, machine_bundle.manifest_id(tasks))
        if (what := emission.excess(machine, limits)) is None:
            return machine_bundle.bundle(machine, emission.parts, tasks)
    diagnostics.add("DW311", workflow.origin, what, "", dag_id=workflow.dag_id)  # backends.emit has the hint
    return None


_HOW_TO_READ = (
    ". A state with a task's id runs it. From 'Begin' on, the state data hold only tasks that have not succeeded, with "
    "their tries; 'Settle' ends these, and what is below them, in the ledger"
)


@dataclass(frozen=True)
class _Made:
    """A machine that has been printed.

    :param suffix: of a child's name
    :param iteration_events: what iterations of its Maps add to its history
    :param handed: bytes of the outcomes that it is given, or hands back
    """

    suffix: str
    machine: JsonObject
    iteration_events: int
    handed: int = 0


class _Emitter:
    """Emits parts from the last to the first, because a part must know what is read after it.

    Every method returns the first state's name and the states in reading order.
    """

    def __init__(self, workflow: Workflow, root: layout.Part, once: Once, group: str = "") -> None:
        self._workflow, self._once = workflow, once
        self._tasks = workflow.by_id
        self._group = group
        self.flow = DataFlow(workflow, root, once.decisions, indexed=bool(group))
        self._leaves = () if group else deciding_tasks(workflow)
        self._blocking = () if group else self.flow.decisions.blocking
        self._pasts = {} if group else pasts(workflow)
        self._told_by: dict[str, list[Past]] = {task: [] for task in self._tasks}
        for past in self._pasts.values():
            for task in past.tells:
                self._told_by[task].append(past)
        self._entries: dict[str, tuple[str, str]] = {}
        self.has_joins = bool(self.flow.joins)
        tellers = {*self.flow.tells, *(task for task, past in self._told_by.items() if past)}
        self._extent = None if group else Extent(workflow, self.flow.decisions, tellers)
        self._regions = 0
        self.iteration_events = 0
        # By the part's id: the names of the states that are its own, and what Maps among them add to the history.
        self._own: dict[int, tuple[tuple[str, ...], int]] = {}
        self._children: dict[int, _Made] = {}
        self._mapped = frozenset(task.task_id for task in workflow.tasks if task.is_mapped)

    # ---- whole machines ----

    def machine(self, root: layout.Part, manifest: str = "") -> JsonObject:
        """The definition of the machine whose executions are the runs; those of its children are :attr:`parts`.

        :param manifest: names the facts of all tasks in the ledger; empty: they are in the machine
        """
        workflow, deciding = self._workflow, Deciding.of(root, self._leaves, self._blocking)
        first, states = self.part(root, Known(), self.flow.bits(deciding.read), run_states.FINISH)
        values = worker_requests.shared(workflow) | kinds.shared(workflow)
        values |= telling.shared(workflow.ledger_table) if self.has_joins else {}
        if manifest and workflow.restartable:
            first, recalling = kept_tasks.recalling(workflow, root, first)
            values, states = values | kept_tasks.of_run(), recalling | states
        opening = run_states.opening(
            *(workflow, first),
            joins=self.has_joins,
            parts=bool(self._children),
            manifest=manifest,
            read_last=deciding.read,
            values=values,
            variables=worker_requests.variables(workflow),
        )
        machine: JsonObject = printed(
            {
                "Comment": f"Airflow DAG {workflow.dag_id}, compiled by Ductwork{_HOW_TO_READ * bool(self._regions)}",
                "QueryLanguage": "JSONata",
                **({"TimeoutSeconds": math.ceil(workflow.timeout)} if workflow.timeout else {}),
                "StartAt": run_states.PREPARE,
                "States": opening | states | run_states.closing(workflow, deciding.leaves, deciding.blocking),
            }
        )
        return machine

    @property
    def parts(self) -> dict[str, JsonObject]:
        """The definitions of all children, by suffix."""
        return {made.suffix: made.machine for _, made in sorted(self._children.items())}

    def excess(self, root: JsonObject, limits: costs.Limits) -> str | None:
        """What of the root, or of a child, is more than it may be."""
        made = [_Made("", root, self.iteration_events), *self._children.values()]
        # Sensors that are started again and again: where a machine has some is not looked at.
        sensors = any(task.reschedules and task.work.has_worker for task in self._workflow.tasks)
        again = int(limits.events * SHARE_OF_RESCHEDULES) if sensors else 0
        again += int(limits.events * SHARE_OF_POKES) if poke_budget.has_sensors(self._workflow) else 0
        found = (costs.excesses(each.machine, each.iteration_events + again, limits) for each in made)
        too_much = (each.handed for each in made if each.handed > limits.payload - _RUN_BYTES)
        handed = (f"a part of the DAG reads or hands back outcomes of {size:,} bytes" for size in too_much)
        return next(chain(*found, handed), None)

    def measures(self, machine: JsonObject, limits: costs.Limits, share: float) -> Measures:
        """What to cut the layout by.

        :param machine: of the whole layout
        :param share: of what a machine may be filled to
        """
        weights = {name: Weight(*found) for name, found in costs.by_state(machine).items()}
        own = {
            part: sum((weights[name] for name in names), Weight(0, events))
            for part, (names, events) in self._own.items()
        }
        # What the end of a run reads is little once children say for their tasks whether these fail it.
        named = {run_states.FINISH}.union(*(names for names, _ in self._own.values()))
        facts = Weight(len(json_text(run_states.facts(self._workflow)).encode()))
        around = sum((weight for name, weight in weights.items() if name not in named), _RUN) - facts
        most = Weight(int(limits.size * _FILLED * share), int(limits.events * _MADE * share))
        return Measures(
            own=lambda part: own.get(id(part), Weight()),
            members=self.flow.members,
            reads=self.flow.reads,
            most=most,
            at_root=most - around,
            child=_CHILD,
        )

    # ---- parts ----

    def part(self, part: layout.Part, known: Known, live: int, after: str | None) -> tuple[str, States]:
        """The first state's name and the states of one part of the layout.

        :param known: what the state data may hold where the part starts
        :param live: bit set of the tasks whose outcomes, or marks, are read by states after this part
        :param after: the state that follows, None at the end of a branch
        """
        if self._extent and self._extent.is_region(part):
            return self._region(part, known, live, after)
        if isinstance(part, layout.TaskPart):
            return self._one(part, known, live, after)
        if isinstance(part, Parallel):
            return self._parallel(part, known, live, after)
        if isinstance(part, layout.Join):
            return self._join(part, known, live, after)
        if isinstance(part, layout.MappedGroup):
            return self._mapped_group(part, known, live, after)
        if isinstance(part, layout.Child):
            return self._child(part, known, live, after)
        return self._series(part, known, live, after)

    def _one(self, part: layout.TaskPart, known: Known, live: int, after: str | None) -> tuple[str, States]:
        task, noted = self._tasks[part.task], self.iteration_events
        then = self.flow.after(part, known)
        follows, told, live = self._tells(part.task, then, live, after)
        # The instances of a mapped task take their slots themselves.
        limits = [] if task.length is not None else self._limits(task, indexed=bool(self._group))
        follows, freed = _free(limits, self.flow.kept(then, live), follows)
        first, entry, states = self._states(part, then, live, follows)
        self._entries[first] = task.task_id, entry
        for more in (freed, *reversed(told)):
            states |= more
        self._own[id(part)] = tuple(states), self.iteration_events - noted
        return first, states

    def _states(self, part: layout.TaskPart, then: Known, live: int, after: str | None) -> tuple[str, str, States]:
        """The names of a task's first state and of the first past its Choice, and its states.

        :param then: what is known after it
        :param after: the state that follows
        """
        task, own, group = self._tasks[part.task], self.flow.members(part), self._group
        decisions = self.flow.decisions
        past, needed, read = self._pasts.get(part.task), bool(live & own), live & ~own
        limits = [] if task.length is not None else self._limits(task, indexed=bool(group))
        marks = [down for down in task.skips if live & self.flow.bits((down,))]
        after_success = self._after_success(task, after)
        held = read & then.ended, read & then.marked
        key = (part.task, held, tuple(marks), needed, after, after_success)
        as_before = self._is_as_before(part.task, held)
        if as_before and key in self._once.states:
            first, entry, made = self._once.states[key]
            return first, entry, dict(made)
        place = Place(
            after_success=after_success,
            diversions=mapped_group.diversions(decisions, part.task) if group else decisions.diversions[part.task],
            indexed=bool(group),
            whole=mapped_group.of_whole(part.task) if decisions.before_expansion.get(part.task) else None,
            guarded=self._workflow.restartable,
            expansion=self._expansion(task) if task.length is not None else None,
            kept=self.flow.kept(then, read),
            marks=marks,
            needed=needed,
            after=after,
            before=[each.wait for each in (past,) if each] + [limit.take for limit in limits],
        )
        first, entry, states = kinds.states(self._workflow, task, place)
        if as_before:
            states = all_printed(states)
            self._once.states[key] = first, entry, states
        return first, entry, dict(states)

    def _after_success(self, task: Task, follows: str | None) -> str | None:
        """The state after a task that has succeeded, where it can be another one than after it in any case: the one
        past the next task's Choice.

        A restart has a worker repeat there what the ledger says, in place of the Choice.
        """
        if follows not in self._entries or self._group or not goes_on_alone(task):
            return None
        name, entry = self._entries[follows]
        below = self._tasks[name]
        guarded = self._workflow.restartable and not below.work.has_worker
        if entry == follows or below.length is not None or guarded:
            return None
        return entry if self.flow.decisions.is_free_after(below, task) else None

    def _limits(self, task: Task, *, indexed: bool) -> list[Limit]:
        return [Limit.of_task(self._workflow, task, slots, indexed=indexed) for slots in task.slots]

    def _expansion(self, task: Task) -> Expansion:
        if array_job.fits(task):
            arguments = partial(worker_requests.arguments, self._workflow, task.task_id)
            return Expansion(self._workflow, task, array_job.Arrays(self._workflow, task, arguments))
        instances = OneByOne(self._workflow, task, partial(self._instance, task))
        self._note(instances.each)
        return Expansion(self._workflow, task, instances)

    def _instance(self, task: Task, after: str | None) -> tuple[str, States]:
        """The states of one instance of a mapped task."""
        limits = self._limits(task, indexed=True)
        follows, freed = _free(limits, Kept((task.task_id,)), after)
        place = Place(
            diversions=(),
            indexed=True,
            instance=True,
            # A worker finds out by itself whether its instance has ended.
            guarded=self._workflow.restartable and not task.work.has_worker,
            kept=Kept(),
            marks=(),
            needed=True,
            after=follows,
            before=[limit.take for limit in limits],
        )
        first, _, states = kinds.states(self._workflow, replace(task, length=None), place)
        return first, states | freed

    def _note(self, each: Each) -> None:
        if not each.distributed:
            self.iteration_events += each.inline_events

    def _tells(self, task: str, then: Known, live: int, after: str | None) -> tuple[str | None, list[States], int]:
        """The states after a task that tell others of its end, last first; what follows the task, and what is live."""
        told: list[States] = []
        for past in reversed(self._told_by.get(task, ())):
            kept = self.flow.kept(then, live)
            after, states = past.tell(self._workflow.ledger_table, task, kept, after)
            told.append(states)
            live |= self.flow.bits((task,))
        for joins in reversed(telling.alike(self.flow.tells.get(task, ()), task)):
            teller = telling.Telling(task, joins)
            after, states = self._telling(teller, then, live, after)
            told.append(states)
            live |= self.flow.bits((task, *teller.marks))
        return after, told, live

    def _telling(self, teller: telling.Telling, then: Known, live: int, after: str | None) -> tuple[str, States]:
        held = live & then.ended, live & then.marked
        key = (teller, held, after)
        as_before = self._is_as_before(teller.task_id, held)
        if as_before and key in self._once.telling:
            return self._once.telling[key]
        first, states = teller.tell(self._workflow.ledger_table, self.flow.kept(then, live), after)
        if as_before:
            states = all_printed(states)
            self._once.telling[key] = first, states
        return first, states

    def _is_as_before(self, task: str, held: tuple[int, int]) -> bool:
        """Whether states are the same in another cut, where what stands for children is numbered otherwise; those of
        instances are changed further."""
        return not (self._tasks[task].is_mapped or max(held) >> len(self._tasks))

    def _mapped_group(self, part: layout.MappedGroup, known: Known, live: int, after: str | None) -> tuple[str, States]:
        then, noted = self.flow.after(part, known), self.iteration_events
        told: list[States] = []
        for task in reversed(part.tasks):
            after, tells, live = self._tells(task, then, live, after)
            told += tells
        reads = self.flow.reads(part)
        own = self.flow.members(part)
        needed = tuple(task for task in sorted(part.tasks) if live & self.flow.bits((task,)))
        inner = _Emitter(self._workflow, part.part, self._once, part.group)
        self.has_joins |= inner.has_joins
        within = Known(reads & known.ended, reads & known.marked)
        inside = partial(inner.part, part.part, within, inner.flow.bits(needed))
        group = mapped_group.GroupStates(self._workflow, part.group, part.tasks, needed, inner.flow.decisions)
        self._note(group.each)
        kept = self.flow.kept(then, live & ~own)
        first, states = group.states(inside, reads=self.flow.kept(known, reads), kept=kept, after=after)
        for more in reversed(told):
            states |= more
        # The group waits for the past as a whole.
        for task in reversed(part.tasks):
            if past := self._pasts.get(task):
                first, waiting = past.wait(first)
                states = waiting | states
        self._own[id(part)] = tuple(states), self.iteration_events - noted
        return first, states

    def _region(self, part: layout.Part, known: Known, live: int, after: str | None) -> tuple[str, States]:
        members = self.flow.members(part)
        kept = self.flow.kept(known, live & ~members)
        around = Surroundings(
            kept, [task for task in sorted(layout.members(part)) if live & self.flow.bits((task,))], after
        )
        self._regions += 1
        region = RegionStates(self._workflow, part, around, self._regions)
        first, states = region.build()
        self._own |= {id(inner): (names, 0) for inner, names in region.own.values()}
        return first, states

    def _series(self, part: Series[layout.Part], known: Known, live: int, after: str | None) -> tuple[str, States]:
        starts = []
        parts = self._extent.grouped(part.parts) if self._extent else part.parts
        for inner in parts:
            starts.append(known)
            known = self.flow.after(inner, known)
        sections: list[States] = []
        first = after
        for inner, start in zip(reversed(parts), reversed(starts), strict=True):
            first, states = self.part(inner, start, live, first)
            sections.append(states)
            live = self.flow.before(inner, live)
        ordered: States = {}
        for states in reversed(sections):
            ordered |= states
        assert first is not None or not part.parts
        return first or "", ordered

    def _parallel(self, part: Parallel[layout.Part], known: Known, live: int, after: str | None) -> tuple[str, States]:
        later = live & ~self.flow.members(part)
        branches = []
        for inner in part.parts:
            own, marks = self.flow.members(inner), self.flow.marked_in(inner) & later
            first, states = self.part(inner, known, live & own | marks, None)
            branches.append({"StartAt": first, "States": states})
        name = state_name(", ".join(_first_task(inner) for inner in part.parts))
        state: State = {
            "Type": "Parallel",
            "Arguments": self.flow.kept(known, self.flow.reads(part)).arguments(),
            "Branches": branches,
            "Output": self.flow.kept(known, later).collected(exactly=after is None),
            **({"End": True} if after is None else {"Next": after}),
        }
        self._own[id(part)] = (name,), 0
        return name, {name: state}

    def _join(self, part: layout.Join, known: Known, live: int, after: str | None) -> tuple[str, States]:
        join = self.flow.joins[part.key]
        inside = self.flow.opened(part, known)
        first, states = self.part(part.part, inside, live, after)
        kept = self.flow.kept(known, self.flow.before(part.part, live))
        awaiting, waiting = join.wait(self._workflow.ledger_table, kept, first)
        self._own[id(part)] = tuple(waiting), 0
        return awaiting, waiting | states

    def _child(self, part: layout.Child, known: Known, live: int, after: str | None) -> tuple[str, States]:
        read = self.flow.handed_back(part, known, live)
        handed_back = self.flow.kept(self.flow.after(part.part, known), read)
        deciding = Deciding.of(part.part, self._leaves, self._blocking)
        ending = child_machines.ending(part, deciding, handed_back)
        noted, self.iteration_events = self.iteration_events, 0
        inside = read | self.flow.bits(deciding.read)
        first, states = self.part(part.part, known, inside, next(iter(ending), None))
        if self._workflow.restartable:
            first, recalling = kept_tasks.recalling(self._workflow, part.part, first)
            states = recalling | states
        variables = depends_on_past.variables(self._tasks[task] for task in layout.members(part))
        machine = printed(child_machines.definition(part, self._workflow, first, states | ending, tuple(variables)))
        reads = self.flow.kept(known, self.flow.reads(part))
        handed = max(child_machines.most_bytes(each, self._mapped) for each in (reads, handed_back))
        made = _Made(machine_bundle.suffix(part.number, machine), machine, self.iteration_events, handed)
        self._children[part.number], self.iteration_events = made, noted
        name = state_name(f"{part.name}: {_first_task(part)}")
        kept = self.flow.kept(known, live & ~self.flow.members(part))
        state = child_machines.starting(made.suffix, variables, reads, restartable=self._workflow.restartable) | {
            "Output": kept.received(RESULT.field("Output"), exactly=after is None),
            **({"End": True} if after is None else {"Next": after}),
        }
        return name, {name: state}


def _free(limits: Sequence[Limit], kept: Kept, after: str | None) -> tuple[str | None, States]:
    """The states that hand slots on, the last one taken first; what follows the task, and the states."""
    sections: list[States] = []
    for limit in limits:
        after, states = limit.free(kept.output({}, exactly=True), after)
        sections.append(states)
    freed: States = {}
    for states in reversed(sections):
        freed |= states
    return after, freed


def _first_task(part: layout.Part) -> str:
    while not isinstance(part, layout.TaskPart):
        if isinstance(part, layout.MappedGroup):
            return part.group
        part = part.part if isinstance(part, (layout.Join, layout.Child)) else part.parts[0]
    return part.task
