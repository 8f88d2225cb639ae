"""What the state data holds and what is read of it: the analysis behind every Output and Arguments.

Forwards, :class:`Known` says which outcomes are certainly there, and which tasks may be marked (skipped by a branch
before their turn). Backwards go sets of tasks whose outcomes or marks some later state reads. A state keeps what both
name.

Sets of tasks are bit sets, in the order of the tasks' ids. What is asked of a part is made of what its inner parts have
answered, once for each part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_

from ductwork.backends.stepfunctions.asl.state_data import Kept
from ductwork.backends.stepfunctions.dataflow.rule_conditions import Decisions
from ductwork.backends.stepfunctions.waits.join import JoinStates
from ductwork.ir import Workflow
from ductwork.planning import layout
from ductwork.planning.shapes import Parallel, Series
from ductwork.planning.task_sets import TaskSets


@dataclass(frozen=True)
class Known:
    """What the state data may hold at one place of the machine.

    :param ended: tasks whose outcomes are there, if a later state reads them
    :param marked: tasks that may be marked
    """

    ended: int = 0
    marked: int = 0


class DataFlow:
    """What each part of a layout reads of the state data, adds to it and keeps in it.

    :param root: of the layout of the workflow, or of a mapped task group in it
    :param decisions: of the workflow, whose layouts they are the same for
    :param indexed: of a group: each instance has joins of its own
    """

    def __init__(self, workflow: Workflow, root: layout.Part, decisions: Decisions, *, indexed: bool = False) -> None:
        self._indexed = indexed
        self._tasks = workflow.by_id
        # What stands for the tasks of a child has its place beside them.
        self._sets = TaskSets([*sorted(self._tasks), *(child.name for child in layout.all_children(root))])
        self.bits = self._sets.bits
        self.decisions = decisions
        self._skippers = {task: self.bits(by) for task, by in self.decisions.skippers.items() if by}
        self._markable = self.bits(self._skippers)
        self.joins: dict[str, JoinStates] = {}
        self.tells: dict[str, list[JoinStates]] = {}
        self.members = Union(self._own)
        """The tasks of a part, and what stands for those in its children."""
        if any(layout.joins(root)):
            self._make_joins(workflow, root)
        self.marked_in = Union(self._skipped)
        """Tasks that something in a part may mark."""
        self._asked = Union(self._asked_by)
        self._reads: dict[int, tuple[layout.Part, int]] = {}

    # ---- forwards ----

    def after(self, part: layout.Part, known: Known) -> Known:
        """What is known after a part that starts with ``known``."""
        if isinstance(part, layout.Join):
            return self.after(part.part, self.opened(part, known))
        if isinstance(part, layout.Child):
            then = self.after(part.part, known)
            return Known(then.ended | self.members(part), then.marked)
        ended = known.ended | self.members(part)
        if isinstance(part, Series):
            ended |= reduce(or_, map(self._told_on_the_way, part.parts), 0)
        return Known(ended, known.marked | self.marked_in(part))

    def opened(self, join: layout.Join, known: Known) -> Known:
        """What is known behind a join."""
        return Known(known.ended | self._told(join), known.marked | self._marks(join))

    def kept(self, known: Known, read: int) -> Kept:
        """What to keep so that ``read`` can be read later."""
        ended = read & known.ended
        return Kept(self._sets.named(ended), self._sets.named(read & known.marked & ~ended))

    def handed_back(self, child: layout.Child, known: Known, live: int) -> int:
        """What a child hands back of that which is read after it: of its tasks, of what its joins are told, marks."""
        told = self.after(child.part, known).ended & ~known.ended
        return live & (self.members(child.part) | told | self.marked_in(child.part))

    # ---- backwards ----

    def before(self, part: layout.Part, live: int) -> int:
        """What is read from the start of a part on, where ``live`` is read after it."""
        return live & ~self.members(part) | self.reads(part)

    def reads(self, part: layout.Part) -> int:
        """What a part reads of the state data it starts with."""
        if id(part) not in self._reads:
            members = self.members(part)
            # Of its own tasks it reads the marks of those that others may mark.
            marked = (task for task in self._sets.named(members & self._markable) if self._skippers[task] & ~members)
            self._reads[id(part)] = part, self._asked(part) & ~members | self.bits(marked)
        return self._reads[id(part)][1]

    # ---- of tasks, groups and joins themselves ----

    def _own(self, part: layout.Part) -> int:
        return self.bits((part.name,) if isinstance(part, layout.Child) else _tasks(part))

    def _skipped(self, part: layout.Part) -> int:
        if isinstance(part, layout.Join):
            return self._marks(part)
        return self.bits(down for task in _tasks(part) for down in self._tasks[task].skips)

    def _marks(self, join: layout.Join) -> int:
        return self.bits(self.joins[join.key].marks)

    def _asked_by(self, part: layout.Part) -> int:
        """What tasks read that are a part or a group, in that or before it."""
        found = 0
        for task in _tasks(part):
            if self.decisions.diversions[task]:
                found |= self.bits(layout.reads(self._tasks[task]))
                found |= self.bits(self.decisions.lasting(self._tasks[task]))
            if self.decisions.before_expansion.get(task) and not self._indexed:
                # Decided before there are any instances.
                found |= self.bits(layout.reads(self._tasks[task])) | self.bits(self.decisions.mapping_sources[task])
            for join in self.tells.get(task, ()):
                found |= self.bits(join.marks)
        return found

    # ---- joins ----

    def _make_joins(self, workflow: Workflow, root: layout.Part) -> None:
        skipping = self.bits(task.task_id for task in workflow.tasks if task.skips)
        above = self._ancestors(workflow) if skipping else {}
        mapped = frozenset(task.task_id for task in workflow.tasks if task.is_mapped)
        for join, ended, ahead in sorted(self._surroundings(root), key=lambda each: each[0].key):
            told = reduce(or_, map(above.__getitem__, join.tells), 0) if skipping else 0
            marked = 0
            for task in self._sets.named(skipping & told & ~ended):
                marked |= self.bits(self._tasks[task].skips)
            passed_on = self._sets.named(marked & (self.members(join.part) | ahead))
            consumer = join.part.task if isinstance(join.part, layout.TaskPart) else ""
            never = self.decisions.may_never(join.tells)
            told_apart = frozenset() if self._indexed else mapped
            asked = self.decisions.sources
            states = JoinStates.of(join, passed_on, consumer, told_apart, asked, self._indexed, never)
            self.joins[join.key] = states
            for task in join.tells:
                self.tells.setdefault(task, []).append(states)

    def _ancestors(self, workflow: Workflow) -> dict[str, int]:
        """For each task itself and all above it."""
        found: dict[str, int] = {}
        for task in workflow.tasks:
            own = self.bits((task.task_id,))
            found[task.task_id] = reduce(or_, map(found.__getitem__, task.upstream), own)
        return found

    def _surroundings(self, root: layout.Part) -> Iterator[tuple[layout.Join, int, int]]:
        """Every join with the tasks that are known to have ended before it, and those that come after its part."""
        waiting: list[tuple[layout.Part, int, int]] = [(root, 0, 0)]
        while waiting:
            part, ended, ahead = waiting.pop()
            if isinstance(part, layout.Join):
                yield part, ended, ahead
                waiting.append((part.part, ended | self._told(part), ahead))
            elif isinstance(part, layout.Child):
                waiting.append((part.part, ended, ahead))
            elif isinstance(part, Parallel):
                waiting.extend((inner, ended, ahead) for inner in part.parts)
            elif isinstance(part, Series):
                for inner, follows in zip(part.parts, self._following(part, ahead), strict=True):
                    waiting.append((inner, ended, follows))
                    ended |= self.members(inner) | self._told_on_the_way(inner)

    def _following(self, part: Series[layout.Part], ahead: int) -> list[int]:
        """For each part of a series the tasks that come after it."""
        found = []
        for inner in reversed(part.parts):
            found.append(ahead)
            ahead |= self.members(inner)
        return found[::-1]

    def _told_on_the_way(self, part: layout.Part) -> int:
        """The tasks of which is known behind a part by its joins."""
        if isinstance(part, layout.Child):
            inside = part.part.parts if isinstance(part.part, Series) else (part.part,)
            return reduce(or_, map(self._told_on_the_way, inside), 0)
        return self._told(part) if isinstance(part, layout.Join) else 0

    def _told(self, join: layout.Join) -> int:
        """What is known behind a join. An early rule knows of some tasks only, which none but its own task may use."""
        return 0 if join.rule else self.bits(join.tells)


def _tasks(part: layout.Part) -> tuple[str, ...]:
    """The tasks that a part is, or a mapped group has."""
    if isinstance(part, layout.TaskPart):
        return (part.task,)
    return part.tasks if isinstance(part, layout.MappedGroup) else ()


class Union:
    """What is said of the tasks, groups and joins in a part, united; each part is asked once."""

    def __init__(self, of_one: Callable[[layout.Part], int]) -> None:
        self._of_one = of_one
        self._found: dict[int, tuple[layout.Part, int]] = {}

    def __call__(self, part: layout.Part) -> int:
        if id(part) not in self._found:
            self._found[id(part)] = part, reduce(or_, map(self, _inner(part)), self._of_one(part))
        return self._found[id(part)][1]


def _inner(part: layout.Part) -> tuple[layout.Part, ...]:
    if isinstance(part, (layout.Join, layout.Child)):
        return (part.part,)
    return part.parts if isinstance(part, (Series, Parallel)) else ()
