"""The layout of a state machine: nested series and parallel parts, and joins for the order that nesting cannot say.

What a task waits for is not always its upstream tasks: a rule such as one_success waits for the first of several, a
teardown also for everything in its scope. :func:`waits` gives that order. ``planning.nesting`` says what is nested in
what; wherever the place of a part does not tell how all have ended that it asks of, a join waits for them. So tasks
that follow two or more others in an order that is not series-parallel have joins, parts that would be nested too deep,
and tasks whose rule may decide early; a flat series-parallel workflow of other rules has none.

Costs: the reduction takes O(tasks + edges) set operations, the decomposition the same on each of a bounded number of
levels, the joins O(tasks).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_, or_

from ductwork.contracts.names import shorten
from ductwork.contracts.stepfunctions_limits import MAX_NESTING
from ductwork.ir import Task, Workflow
from ductwork.planning import nesting, partial_order
from ductwork.planning.decomposition import decompose
from ductwork.planning.nesting import Nest
from ductwork.planning.shapes import Parallel, Series, flat
from ductwork.planning.task_sets import TaskSets
from ductwork.semantics.trigger_rules import ALWAYS, EARLY

# Of MAX_NESTING the part within a mapped task group.
_ROOM_IN_GROUP = 3
# Characters of a join's key, which is part of a key in the ledger.
_KEY_LIMIT = 200


@dataclass(frozen=True)
class TaskPart:
    """One task."""

    task: str


@dataclass(frozen=True)
class MappedGroup:
    """A mapped task group: a layout of its own, carried out once for each of its instances."""

    group: str
    tasks: tuple[str, ...]
    part: Part


@dataclass(frozen=True)
class Join:
    """A part that waits for tasks of other parts: it starts when enough of them have told how they ended.

    :param key: names it; unique in the workflow
    :param tells: the tasks that tell it how they ended
    :param rule: decided as soon as this rule of :data:`trigger_rules.EARLY` is; None: when all have told
    """

    key: str
    part: Part
    tells: tuple[str, ...]
    rule: str | None = None


@dataclass(frozen=True)
class Child:
    """A part that a machine of its own carries out (``planning.cut``).

    :param number: of the child within its workflow, from 1
    """

    number: int
    part: Part

    @property
    def name(self) -> str:
        """What stands for all its tasks that nothing but the end of the run reads; no task has such an id."""
        return f"part {self.number}"


Part = TaskPart | MappedGroup | Series["Part"] | Parallel["Part"] | Join | Child


def waits(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """For each task, tasks that have certainly ended before it starts; all others of these follow from them."""
    found: dict[str, tuple[str, ...]] = {}
    before = _certain(workflow) if any(map(is_early, workflow.tasks)) else []
    for number, task in enumerate(workflow.tasks):
        if task.trigger_rule == ALWAYS:
            found[task.task_id] = ()
        elif is_early(task):
            found[task.task_id] = tuple(_latest(before[number], before, workflow))
        else:
            found[task.task_id] = tuple(dict.fromkeys((*task.upstream, *task.setups, *task.scope)))
    return found


def _certain(workflow: Workflow) -> list[int]:
    """For each task all that have certainly ended before it starts, as a bit set."""
    before: list[int] = []
    # By task: itself and what has ended before it.
    implied: dict[str, int] = {}
    for number, task in enumerate(workflow.tasks):
        certain = 0
        if task.trigger_rule != ALWAYS:
            unite, first = (and_, -1) if is_early(task) else (or_, 0)
            certain = reduce(unite, map(implied.__getitem__, task.upstream), first)
            for up in (*task.setups, *task.scope):
                certain |= implied[up]
        before.append(certain)
        implied[task.task_id] = certain | 1 << number
    return before


def _latest(certain: int, before: list[int], workflow: Workflow) -> Iterator[str]:
    """The members of a set that no other member implies."""
    while certain:
        latest = certain.bit_length() - 1
        yield workflow.tasks[latest].task_id
        certain &= ~(before[latest] | 1 << latest)


def is_early(task: Task) -> bool:
    """Whether the task's rule may be decided before all its upstream tasks have ended."""
    return task.trigger_rule in EARLY and len(task.upstream) > 1


def reads(task: Task) -> tuple[str, ...]:
    """The tasks whose outcomes decide whether ``task`` runs."""
    return () if task.trigger_rule == ALWAYS else tuple(dict.fromkeys((*task.upstream, *task.setups)))


def of(workflow: Workflow, room: int = MAX_NESTING) -> Part:
    """The whole workflow as one part; an empty one is an empty series.

    :param room: how many states that hold others may be around the innermost state
    """
    inside: dict[str, list[str]] = {}
    for task in workflow.tasks:
        inside.setdefault(node(task), []).append(task.task_id)
    mapped = dict.fromkeys(task.mapped_group for task in workflow.tasks if task.mapped_group)
    groups = {group: of(of_group(workflow, group), _ROOM_IN_GROUP) for group in mapped}
    order = partial_order.Order(_nodes(workflow))
    heights = {node(task): _height(task) for task in workflow.tasks if not task.mapped_group}
    heights |= {f"group {group}": 1 + _ROOM_IN_GROUP for group in groups}
    nests = nesting.bounded(decompose(order), room, heights)
    return _Builder(workflow, order, inside, groups).series(nests, 0)[0]


def _height(task: Task) -> int:
    """How many states that hold others a task has around its innermost state: the instances of a mapped one are in one,
    and the search for slots of an execution that has been restarted.
    """
    return int(task.length is not None) + int(bool(task.slots))


def node(task: Task) -> str:
    """What stands for a task in the order: itself, or its mapped task group, which waits and runs as a whole."""
    # Task ids hold no blanks.
    return f"group {task.mapped_group}" if task.mapped_group else task.task_id


def _nodes(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    by_id, found = workflow.by_id, waits(workflow)
    nodes: dict[str, dict[str, None]] = {}
    for task in workflow.tasks:
        # Within a group all that comes from outside is known at the start, whatever the rules.
        above = (*task.upstream, *found[task.task_id]) if task.mapped_group else found[task.task_id]
        nodes.setdefault(node(task), {}).update(dict.fromkeys(node(by_id[up]) for up in above))
    return {name: tuple(up for up in above if up != name) for name, above in nodes.items()}


def of_group(workflow: Workflow, group: str) -> Workflow:
    """The tasks of a mapped task group as a workflow of their own."""
    inside = {task.task_id for task in workflow.tasks if task.mapped_group == group}

    def within(tasks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(task for task in tasks if task in inside)

    def cut(task: Task) -> Task:
        upstream, setups, scope = map(within, (task.upstream, task.setups, task.scope))
        return replace(task, mapped_group="", upstream=upstream, setups=setups, scope=scope)

    return replace(workflow, tasks=tuple(cut(task) for task in workflow.tasks if task.task_id in inside))


class _Builder:
    """Turns what is nested into parts of a layout, with a join wherever a place does not tell how all have ended that
    are asked from there on and precede it.

    Sets of tasks are bit sets in the order's own numbering. ``before`` is what has ended, and whose outcomes are known,
    wherever a part starts.
    """

    def __init__(
        self,
        workflow: Workflow,
        order: partial_order.Order,
        inside: Mapping[str, Sequence[str]],
        groups: Mapping[str, Part],
    ) -> None:
        self._tasks = workflow.by_id
        self._inside, self._groups = inside, groups
        self._numbering = TaskSets(task for name in order.nodes for task in sorted(inside[name]))
        self._own = {name: self._numbering.bits(inside[name]) for name in order.nodes}
        self._ancestors = dict(zip(order.nodes, self._closures(order), strict=True))
        self._needs = {name: self._asked(name) for name in order.nodes}
        self._keys: set[str] = set()

    def _closures(self, order: partial_order.Order) -> list[int]:
        if not self._groups:
            return order.ancestors
        found: list[int] = []
        for above in order.reduced:
            closure = 0
            for up in above:
                closure |= found[up] | self._own[order.nodes[up]]
            found.append(closure)
        return found

    def _asked(self, name: str) -> int:
        """What a node must know of others, an early rule apart: that has its own join."""
        found: dict[str, None] = {}
        for task in map(self._tasks.__getitem__, self._inside[name]):
            if task.trigger_rule != ALWAYS:
                early = is_early(task) and not task.mapped_group
                found.update(dict.fromkeys((*task.setups, *task.scope, *(() if early else task.upstream))))
        return self._numbering.bits(found)

    def series(self, nests: Sequence[Nest], before: int) -> tuple[Part, int]:
        """Parts one after another, and what is known to have ended after the last."""
        sets = [self._sets(nest) for nest in nests]
        # From each on: what is asked of others.
        asked, needs = [], 0
        for _, own in reversed(sets):
            needs |= own
            asked.append(needs)
        laid: list[Part] = []
        for nest, (members, _), needs in zip(nests, sets, reversed(asked), strict=True):
            missing = needs & self._ancestors[nest.node] & ~before if nest.is_module else 0
            before |= missing
            part = self._part(nest, before)
            if missing:
                part = Join(self._key(_label(nest)), part, tuple(self._numbering.named(missing)))
            laid.append(part)
            before |= members
        return series(laid), before

    def _part(self, nest: Nest, before: int) -> Part:
        if nest.parts:
            return Parallel(
                tuple(self.series(branch.parts if branch.is_series else (branch,), before)[0] for branch in nest.parts)
            )
        if nest.node not in self._tasks:
            tasks = self._inside[nest.node]
            group = self._tasks[tasks[0]].mapped_group
            return MappedGroup(group, tuple(tasks), self._groups[group])
        task = self._tasks[nest.node]
        part: Part = TaskPart(nest.node)
        if is_early(task) and self._numbering.bits(task.upstream) & ~before:
            return Join(self._key(nest.node), part, task.upstream, task.trigger_rule)
        return part

    def _sets(self, nest: Nest) -> tuple[int, int]:
        """The tasks of a nest, and those of which they must know how they ended."""
        if not nest.parts:
            return self._own[nest.node], self._needs[nest.node]
        members = needs = 0
        for inner in nest.parts:
            more, asked = self._sets(inner)
            members |= more
            needs |= asked
        return members, needs

    def _key(self, wanted: str) -> str:
        key, number = wanted, 1
        while key in self._keys:
            number += 1
            key = f"{wanted} {number}"
        self._keys.add(key)
        return key


def series(parts: list[Part]) -> Part:
    """Parts one after another, flat: a series among them is taken apart, and one part alone is no series."""
    one_by_one: tuple[Part, ...] = flat(parts)
    return one_by_one[0] if len(one_by_one) == 1 else Series(one_by_one)


def _label(nest: Nest) -> str:
    if not nest.parts or nest.is_series:
        return nest.node
    return shorten(", ".join(map(_label, nest.parts)), _KEY_LIMIT)


def joins(part: Part) -> Iterator[Join]:
    """All joins of a layout."""
    waiting = [part]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, Join):
            yield inner
            waiting.append(inner.part)
        elif isinstance(inner, Child):
            waiting.append(inner.part)
        elif not isinstance(inner, (TaskPart, MappedGroup)):
            waiting.extend(reversed(inner.parts))


def members(part: Part) -> frozenset[str]:
    """The tasks of a part."""
    found, waiting = set(), [part]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, TaskPart):
            found.add(inner.task)
        elif isinstance(inner, MappedGroup):
            found.update(inner.tasks)
        elif isinstance(inner, (Join, Child)):
            waiting.append(inner.part)
        else:
            waiting.extend(inner.parts)
    return frozenset(found)


def children(part: Part) -> Iterator[Child]:
    """The outermost children of a layout, in reading order."""
    waiting = [part]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, Child):
            yield inner
        elif isinstance(inner, Join):
            waiting.append(inner.part)
        elif isinstance(inner, (Series, Parallel)):
            waiting.extend(reversed(inner.parts))


def all_children(part: Part) -> Iterator[Child]:
    """All children of a layout, each before those in it."""
    for child in children(part):
        yield child
        yield from all_children(child.part)
