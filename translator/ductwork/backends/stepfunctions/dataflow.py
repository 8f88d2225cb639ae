"""What the state data holds and what is read of it: the analysis behind every Output and Arguments.

Forwards, :class:`Known` says which outcomes are certainly there, and which tasks may be marked (skipped by a branch
before their turn). Backwards go sets of tasks whose outcomes or marks some later state reads. A state keeps what both
name.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ductwork import structure
from ductwork.backends.stepfunctions.decisions import Decisions
from ductwork.backends.stepfunctions.joins import Join
from ductwork.backends.stepfunctions.outcomes import Kept
from ductwork.ir import Workflow


@dataclass(frozen=True)
class Known:
    """
    :param ended: bit set (in the workflow's order) of tasks whose outcomes are there, if a later state reads them
    :param marked: tasks that may be marked
    """

    ended: int = 0
    marked: frozenset[str] = frozenset()


class DataFlow:
    """
    :param plan: of the workflow, or of a mapped task group in it
    :param indexed: of a group: each instance has joins of its own
    """

    def __init__(self, workflow: Workflow, plan: structure.Part, *, indexed: bool = False) -> None:
        self._indexed = indexed
        self._tasks = workflow.by_id
        self._bit = {task.task_id: 1 << i for i, task in enumerate(workflow.tasks)}
        self.decisions = Decisions(workflow)
        self._reads: dict[int, frozenset[str]] = {}
        self._marked: dict[int, frozenset[str]] = {}
        self.joins: dict[str, Join] = {}
        self.tells: dict[str, list[Join]] = {}
        gates = list(structure.gates(plan))
        if gates:
            self._make_joins(workflow, plan)

    # ---- forwards ----

    def after(self, part: structure.Part, known: Known) -> Known:
        """What is known after a part that starts with ``known``."""
        if isinstance(part, structure.Gate):
            return self.after(part.part, self.opened(part, known))
        ended = known.ended | self.bits(structure.members(part))
        if isinstance(part, structure.Series):
            for inner in part.parts:
                if isinstance(inner, structure.Gate):
                    ended |= self.opened(inner, known).ended
        return Known(ended, known.marked | self.marked_in(part))

    def opened(self, gate: structure.Gate, known: Known) -> Known:
        """What is known behind a gate. An early rule knows of some tasks only, which none but its own task may use."""
        told = 0 if gate.rule else self.bits(gate.tells)
        return Known(known.ended | told, known.marked | set(self.joins[gate.key].marks))

    def kept(self, known: Known, read: Collection[str]) -> Kept:
        """What to keep so that ``read`` can be read later."""
        ended = [task for task in read if self._bit[task] & known.ended]
        marked = [task for task in read if not self._bit[task] & known.ended and task in known.marked]
        return Kept(tuple(sorted(ended)), tuple(sorted(marked)))

    def bits(self, tasks: Collection[str]) -> int:
        found = 0
        for task in tasks:
            found |= self._bit[task]
        return found

    def marked_in(self, part: structure.Part) -> frozenset[str]:
        """Tasks that something in a part may mark."""
        if id(part) not in self._marked:
            found = {down for task in structure.members(part) for down in self._tasks[task].skips}
            for gate in structure.gates(part):
                if gate.key in self.joins:
                    found.update(self.joins[gate.key].marks)
            self._marked[id(part)] = frozenset(found)
        return self._marked[id(part)]

    # ---- backwards ----

    def before(self, part: structure.Part, live: frozenset[str]) -> frozenset[str]:
        """What is read from the start of a part on, where ``live`` is read after it."""
        return (live - structure.members(part)) | self.reads(part)

    def reads(self, part: structure.Part) -> frozenset[str]:
        """What a part reads of the state data it starts with."""
        if id(part) not in self._reads:
            self._reads[id(part)] = self._read_by(structure.members(part))
        return self._reads[id(part)]

    def _read_by(self, members: frozenset[str]) -> frozenset[str]:
        found: set[str] = set()
        for task in members:
            if self.decisions.diversions[task]:
                found.update(structure.reads(self._tasks[task]))
            for join in self.tells.get(task, ()):
                found.update(join.marks)
        found -= members
        found.update(task for task in members if self.decisions.skippers[task] - members)
        return frozenset(found)

    # ---- joins ----

    def _make_joins(self, workflow: Workflow, plan: structure.Part) -> None:
        above = _ancestors(workflow)
        markable = {task for task, by in self.decisions.skippers.items() if by}
        mapped = frozenset(task.task_id for task in workflow.tasks if task.is_mapped)
        for gate, ended, ahead in _surroundings(plan):
            told = frozenset(gate.tells).union(*(above[task] for task in gate.tells)) if markable else frozenset()
            passed_on = sorted(
                task
                for task in markable & (structure.members(gate.part) | ahead)
                if (self.decisions.skippers[task] - ended) & told
            )
            consumer = gate.part.task if isinstance(gate.part, structure.Leaf) else ""
            join = Join.of(gate, passed_on, consumer, frozenset() if self._indexed else mapped, self._indexed)
            self.joins[gate.key] = join
            for task in gate.tells:
                self.tells.setdefault(task, []).append(join)


def _ancestors(workflow: Workflow) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for task in workflow.tasks:
        found[task.task_id] = frozenset(task.upstream).union(*(found[up] for up in task.upstream))
    return found


def _surroundings(plan: structure.Part) -> list[tuple[structure.Gate, frozenset[str], frozenset[str]]]:
    """Every gate with the tasks that are known to have ended before it, and those that come after its part."""
    found = []
    waiting: list[tuple[structure.Part, frozenset[str], frozenset[str]]] = [(plan, frozenset(), frozenset())]
    while waiting:
        part, ended, ahead = waiting.pop()
        if isinstance(part, structure.Gate):
            found.append((part, ended, ahead))
            waiting.append((part.part, ended | (frozenset() if part.rule else set(part.tells)), ahead))
        elif isinstance(part, structure.Parallel):
            waiting.extend((inner, ended, ahead) for inner in part.parts)
        elif isinstance(part, structure.Series):
            members = [structure.members(inner) for inner in part.parts]
            for number, inner in enumerate(part.parts):
                told = [set(gate.tells) for gate in part.parts[:number] if isinstance(gate, structure.Gate)]
                before = ended.union(*members[:number], *told)
                waiting.append((inner, before, ahead.union(*members[number + 1 :])))
    return sorted(found, key=lambda each: each[0].key)
