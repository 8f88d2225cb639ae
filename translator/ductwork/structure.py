"""The plan of a workflow: nested series and parallel parts, and joins for the order that nesting cannot say.

What a task waits for is not always its upstream tasks: a rule such as one_success waits for the first of several, a
teardown also for everything in its scope. :func:`waits` gives that order. Its series-parallel parts become series and
parallels. In a *prime* part each task hangs below one task it follows, so the part becomes a forest, and every further
task it follows is waited for by a join. Only tasks that follow two or more others in a prime part, and tasks whose rule
may decide early, have joins; a series-parallel workflow of other rules has none.

Costs: the reduction takes O(tasks + edges) set operations, the folding of a prime part a few rounds of O(parts +
edges), the forest O(parts + edges).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ductwork import graph
from ductwork.ir import Task, Workflow
from ductwork.trigger_rules import ALWAYS, EARLY


@dataclass(frozen=True)
class Leaf:
    task: str


@dataclass(frozen=True)
class Region:
    """A mapped task group: a plan of its own, carried out once for each of its instances."""

    group: str
    tasks: tuple[str, ...]
    plan: Part


@dataclass(frozen=True)
class Series:
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Parallel:
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Gate:
    """A part that starts when its join is decided.

    :param key: names the join; unique in the workflow
    :param tells: the tasks that tell the join how they ended
    :param rule: decided as soon as this rule of :data:`trigger_rules.EARLY` is; None: when all have told
    """

    key: str
    part: Part
    tells: tuple[str, ...]
    rule: str | None = None


Part = Leaf | Region | Series | Parallel | Gate


def waits(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """For each task, tasks that have certainly ended before it starts; all others of these follow from them."""
    index = {task.task_id: i for i, task in enumerate(workflow.tasks)}
    before: list[int] = []
    found: dict[str, tuple[str, ...]] = {}
    for task in workflow.tasks:
        above = [1 << index[up] | before[index[up]] for up in task.upstream]
        needed = 0
        for up in (*task.setups, *task.scope):
            needed |= 1 << index[up] | before[index[up]]
        if task.trigger_rule == ALWAYS:
            certain = 0
        elif is_early(task):
            certain = above[0]
            for others in above[1:]:
                certain &= others
            certain |= needed
        else:
            certain = needed
            for others in above:
                certain |= others
        before.append(certain)
        found[task.task_id] = tuple(_latest(certain, before, workflow))
    return found


def _latest(certain: int, before: list[int], workflow: Workflow) -> Iterator[str]:
    """The members of a set that no other member implies."""
    while certain:
        i = certain.bit_length() - 1
        yield workflow.tasks[i].task_id
        certain &= ~(before[i] | 1 << i)


def is_early(task: Task) -> bool:
    """Whether the task's rule may be decided before all its upstream tasks have ended."""
    return task.trigger_rule in EARLY and len(task.upstream) > 1


def reads(task: Task) -> tuple[str, ...]:
    """The tasks whose outcomes decide whether ``task`` runs."""
    return () if task.trigger_rule == ALWAYS else tuple(dict.fromkeys((*task.upstream, *task.setups)))


def plan(workflow: Workflow) -> Part:
    """The whole workflow as one part; an empty one is an empty series."""
    order = graph.Order(_nodes(workflow))
    return _Planner(workflow, order).part(order.decompose(), 0)[0]


def node(task: Task) -> str:
    """What stands for a task in the order: itself, or its mapped task group, which waits and runs as a whole."""
    # Task ids hold no blanks.
    return f"group {task.group}" if task.group else task.task_id


def _nodes(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    by_id, found = workflow.by_id, waits(workflow)
    nodes: dict[str, dict[str, None]] = {}
    for task in workflow.tasks:
        # Within a group all that comes from outside is known at the start, whatever the rules.
        above = (*task.upstream, *found[task.task_id]) if task.group else found[task.task_id]
        nodes.setdefault(node(task), {}).update(dict.fromkeys(node(by_id[up]) for up in above))
    return {name: tuple(up for up in above if up != name) for name, above in nodes.items()}


def region(workflow: Workflow, group: str) -> Workflow:
    """The tasks of a mapped task group as a workflow of their own."""
    inside = {task.task_id for task in workflow.tasks if task.group == group}

    def within(tasks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(task for task in tasks if task in inside)

    def cut(task: Task) -> Task:
        upstream, setups, scope = map(within, (task.upstream, task.setups, task.scope))
        return replace(task, group="", upstream=upstream, setups=setups, scope=scope)

    return replace(workflow, tasks=tuple(cut(task) for task in workflow.tasks if task.task_id in inside))


class _Planner:
    """Turns decomposed parts into planned ones, from the outside in.

    Sets of tasks are bit sets in the order's own numbering. ``before`` is what has ended, and whose outcomes are known,
    wherever a part starts.
    """

    def __init__(self, workflow: Workflow, order: graph.Order) -> None:
        self._workflow = workflow
        self._tasks = workflow.by_id
        self._inside: dict[str, list[str]] = {}
        for task in workflow.tasks:
            self._inside.setdefault(node(task), []).append(task.task_id)
        self._order = order
        self._index = {node: i for i, node in enumerate(order.nodes)}
        self._keys: set[str] = set()

    def part(self, part: graph.Part, before: int) -> tuple[Part, int]:
        """The planned part, and what is known to have ended after it."""
        if isinstance(part, graph.Leaf):
            return self._leaf(part.node, before)
        if isinstance(part, graph.Series):
            planned = []
            for inner in part.parts:
                made, before = self.part(inner, before)
                planned.append(made)
            return series(planned), before
        if isinstance(part, graph.Parallel):
            branches = tuple(self.part(inner, before)[0] for inner in part.parts)
            return Parallel(branches), before | self._members(part)
        return self._forest(part, before), before | self._members(part)

    def _leaf(self, name: str, before: int) -> tuple[Part, int]:
        own = 1 << self._index[name]
        if name not in self._tasks:
            tasks = self._inside[name]
            group = self._tasks[tasks[0]].group
            return Region(group, tuple(tasks), plan(region(self._workflow, group))), before | own
        task = self._tasks[name]
        planned: Part = Leaf(name)
        if is_early(task) and self._bits(task.upstream) & ~before:
            planned = Gate(self._key(name), planned, task.upstream, task.trigger_rule)
        return planned, before | own

    def _forest(self, prime: graph.Prime, before: int) -> Part:
        """Each part below one of those it follows, chains first: the joins are where a part follows several."""
        members = [self._members(part) for part in prime.parts]
        below: list[list[int]] = [[] for _ in prime.parts]
        roots = []
        for number, above in enumerate(prime.upstream):
            free = [up for up in above if not below[up]]
            if len(above) == 1:
                below[above[0]].append(number)
            elif free:
                below[max(free)].append(number)
            else:
                roots.append(number)
        trees = [self._tree(root, prime, below, members, before) for root in roots]
        return trees[0] if len(trees) == 1 else Parallel(tuple(trees))

    def _tree(self, root: int, prime: graph.Prime, below: list[list[int]], members: list[int], before: int) -> Part:
        planned: list[Part] = []
        at = root
        while True:
            whole = self._whole(at, below, members)
            first = self._index[_first(prime.parts[at])]
            needs = self._needs(whole)
            missing = self._bits(tuple(needs)) & self._order.ancestors[first] & ~before
            made, after = self.part(prime.parts[at], before | missing)
            if missing:
                told = tuple(task for task in needs if self._bits((task,)) & missing)
                made = Gate(self._key(_label(prime.parts[at])), made, told)
            planned.append(made)
            before = after
            if len(below[at]) != 1:
                break
            (at,) = below[at]
        if below[at]:
            planned.append(Parallel(tuple(self._tree(down, prime, below, members, before) for down in below[at])))
        return series(planned)

    def _whole(self, root: int, below: list[list[int]], members: list[int]) -> int:
        found, waiting = 0, [root]
        while waiting:
            at = waiting.pop()
            found |= members[at]
            waiting.extend(below[at])
        return found

    def _needs(self, members: int) -> list[str]:
        """What members must know of tasks that are not among them, early rules apart: these have their own joins."""
        found: dict[str, None] = {}
        for i in _bits(members):
            for name in self._inside[self._order.nodes[i]]:
                task = self._tasks[name]
                if task.trigger_rule != ALWAYS:
                    early = is_early(task) and not task.group
                    found.update(dict.fromkeys((*task.setups, *task.scope, *(() if early else task.upstream))))
        outside = [task for task in found if not self._bits((task,)) & members]
        return sorted(outside, key=lambda task: (self._index[node(self._tasks[task])], task))

    def _bits(self, tasks: tuple[str, ...]) -> int:
        found = 0
        for task in tasks:
            found |= 1 << self._index[node(self._tasks[task])]
        return found

    def _members(self, part: graph.Part) -> int:
        if isinstance(part, graph.Leaf):
            return 1 << self._index[part.node]
        found = 0
        for inner in part.parts:
            found |= self._members(inner)
        return found

    def _key(self, wanted: str) -> str:
        key, number = wanted, 1
        while key in self._keys:
            number += 1
            key = f"{wanted} {number}"
        self._keys.add(key)
        return key


def series(parts: list[Part]) -> Part:
    flat = tuple(inner for part in parts for inner in (part.parts if isinstance(part, Series) else (part,)))
    return flat[0] if len(flat) == 1 else Series(flat)


def _bits(members: int) -> Iterator[int]:
    while members:
        lowest = members & -members
        yield lowest.bit_length() - 1
        members ^= lowest


def _first(part: graph.Part) -> str:
    while not isinstance(part, graph.Leaf):
        part = part.parts[0]
    return part.node


def _label(part: graph.Part) -> str:
    if isinstance(part, graph.Parallel):
        return ", ".join(map(_label, part.parts))
    return _first(part)


def gates(part: Part) -> Iterator[Gate]:
    """All gates of a plan."""
    waiting = [part]
    while waiting:
        at = waiting.pop()
        if isinstance(at, Gate):
            yield at
            waiting.append(at.part)
        elif not isinstance(at, (Leaf, Region)):
            waiting.extend(reversed(at.parts))


def members(part: Part) -> frozenset[str]:
    """The tasks of a part."""
    found, waiting = set(), [part]
    while waiting:
        at = waiting.pop()
        if isinstance(at, Leaf):
            found.add(at.task)
        elif isinstance(at, Region):
            found.update(at.tasks)
        elif isinstance(at, Gate):
            waiting.append(at.part)
        else:
            waiting.extend(at.parts)
    return frozenset(found)
