"""The task instances of a job chain's run, as one look of the mirror finds them and goes on to leave them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ductwork import ledger_schema as schema
from ductwork.ledger_schema import TERMINAL_STATES, UNMAPPED

from ductwork_airflow import gate
from ductwork_airflow.ledger import Item, Ledger
from ductwork_airflow.mirror import jobs

# A mapped task may have ten thousand instances to end.
_WRITES_AT_ONCE = 16
# Batch may start nothing below a task that has ended so.
_STOPPING = frozenset({"failed", "upstream_failed", "skipped"})


@dataclass(frozen=True)
class Move:
    """What an instance is to become.

    :param number: the try's
    :param found: further attributes
    """

    task: str
    index: int
    state: str
    number: int
    found: dict[str, Any] = field(default_factory=dict)


class Instances:
    """
    :param items: the run's task instances in the ledger; what is moved here is as current as the move
    """

    def __init__(self, ledger: Ledger, run: Item, items: Sequence[Item]) -> None:
        self._ledger, self._names = ledger, (run["dag_id"], run["run_id"])
        self.facts: gate.Facts = run["tasks"]
        self._known = gate.Known(items)
        self._gate = gate.Gate(self.facts, self._known)
        self._keys = {(item["task_id"], item["map_index"]): None for item in items}
        self.is_behind = False
        """Somebody else has moved an instance meanwhile."""

    def items(self) -> list[Item]:
        return [item for key in self._keys if (item := self._known.get(*key)) is not None]

    def get(self, task: str, index: int = UNMAPPED) -> Item | None:
        return self._known.get(task, index)

    def states(self, task: str) -> set[str]:
        return self._known.states(task)

    def left(self, task: str) -> list[int]:
        """The map indexes of a task's instances that have not ended."""
        every = gate.indexes(self.facts[task])
        if self._known.ended(task) >= len(every):
            return []
        return [index for index in every if self._known.state(task, index) not in TERMINAL_STATES]

    def has_waited(self, task: str, index: int) -> bool:
        """Whether all that an instance waits for has ended."""
        own = self.facts[task]
        for up in (*gate.above(own), *(own.get("skippers") or ())):
            at = gate.instance(self.facts, task, index, up)
            if at is not None and self._known.state(up, at) not in TERMINAL_STATES:
                return False
            if at is None and self._known.ended(up) < len(gate.indexes(self.facts[up])):
                return False
        return True

    def due(self, order: Iterable[str]) -> Iterator[str]:
        """The tasks whose jobs may have begun, or which Batch will not start.

        :param order: all tasks, in topological order
        """
        stopped: set[str] = set()
        for task in order:
            own = self.facts[task]
            if any(up in stopped or self.states(up) & _STOPPING for up in gate.above(own)):
                stopped.add(task)
            if task in stopped or own.get("size") or self.has_waited(task, UNMAPPED):
                yield task

    def verdict(self, task: str, index: int) -> str:
        """What the rule of a task says, once :meth:`has_waited`."""
        return self._gate.verdict(task, index)

    def move(self, moves: Iterable[Move]) -> None:
        """Move instances forward that are still as they were seen: whoever else writes knows better."""
        wanted = list(moves)
        if len(wanted) == 1:
            self._move(wanted[0])
        elif wanted:
            with ThreadPoolExecutor(min(_WRITES_AT_ONCE, len(wanted))) as side_by_side:
                moved = list(side_by_side.map(self._write, wanted))
            for move, item in zip(wanted, moved, strict=True):
                self._take(move, item)

    def _move(self, move: Move) -> None:
        self._take(move, self._write(move))

    def _write(self, move: Move) -> Item | None:
        """The instance as it is then; None if it was not as it was seen."""
        task, index = move.task, move.index
        seen = self.get(task, index)
        changes = (self._names, task, seen, move.state, move.number, move.found)
        if not jobs.advance(self._ledger, *changes, map_index=index):
            return None
        key = {"pk": schema.run_pk(*self._names), "sk": schema.task_sk(task, index), "updated_at": ""}
        own = {"task_id": task, "map_index": index, "state": move.state, "try_number": move.number}
        return {**(seen or {}), **move.found, **key, **own}

    def _take(self, move: Move, item: Item | None) -> None:
        if item is None:
            self.is_behind = True
            return
        self._known.put(move.task, move.index, item)
        self._keys[move.task, move.index] = None
