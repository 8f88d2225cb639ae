"""The task instances of a job chain's run, as one look of the mirror finds them and goes on to leave them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from ductwork.contracts import ledger as schema
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.ledger import TERMINAL_STATES, UNMAPPED
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_facts import Facts, above
from ductwork.contracts.task_item import TaskItem
from ductwork.planning import partial_order
from ductwork.semantics.trigger_rules import ABSENT, FAILED, NO_STATUS, SKIPPED

from ductwork_airflow.ledger import Ledger, TaskKey
from ductwork_airflow.mirror import batch_jobs
from ductwork_airflow.trigger_rules import evaluator, upstream_instances
from ductwork_airflow.trigger_rules.records import ItemRecords

# A mapped task may have ten thousand instances to end.
_WRITES_AT_ONCE = 16
# Batch may start nothing below a task that has ended so.
_STOPPING = FAILED | SKIPPED


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
    found: JsonObject = field(default_factory=dict)


class Instances:
    """The task instances of a run: what is left of each task, what decides it, and moving it on.

    :param items: the run's task instances in the ledger; what is moved here is as current as the move
    """

    def __init__(self, ledger: Ledger, run: RunItem, items: Sequence[TaskItem]) -> None:
        self._ledger, self._run_key = ledger, (run["dag_id"], run["run_id"])
        self.facts: Facts = run["tasks"]
        self._records = ItemRecords(items)
        self._evaluator = evaluator.Evaluator(self.facts, self._records, fail_fast=bool(run.get("fail_fast")))
        self._keys = {(item["task_id"], item["map_index"]): None for item in items}
        self.is_behind = False
        """Somebody else has moved an instance meanwhile."""
        self.blocked: set[TaskKey] = set()
        """The instances that wait in vain: all above them has ended, or waits in vain too."""
        if self.may_wait_in_vain:
            for task in self.order:
                for index in self.left(task):
                    self.is_stuck(task, index)

    @cached_property
    def order(self) -> list[str]:
        """The ids of all tasks, upstream ones first."""
        return partial_order.topological({task: above(own) for task, own in self.facts.items()})

    def is_stuck(self, task: str, index: int) -> bool:
        """Whether an instance waits in vain, as far as that is certain."""
        if task in self.may_wait_in_vain and self.has_waited(task, index) and self.verdict(task, index) == NO_STATUS:
            self.blocked.add((task, index))
        return (task, index) in self.blocked

    @property
    def may_wait_in_vain(self) -> frozenset[str]:
        """See :func:`ductwork_airflow.trigger_rules.no_instance.may_wait_in_vain`."""
        return self._evaluator.may_wait_in_vain

    @property
    def never_submitted(self) -> frozenset[str]:
        """See :func:`ductwork_airflow.trigger_rules.no_instance.never_submitted`."""
        return self._evaluator.never_submitted

    def items(self) -> list[TaskItem]:
        """Those that have an item."""
        return [item for key in self._keys if (item := self._records.get(*key)) is not None]

    def get(self, task: str, index: int = UNMAPPED) -> TaskItem | None:
        """An instance's item; None if there is none."""
        return self._records.get(task, index)

    def states(self, task: str) -> set[str]:
        """Those that a task's instances are in, as far as they have an item."""
        return self._records.states(task)

    def left(self, task: str) -> list[int]:
        """The map indexes of a task's instances that have not ended, and will."""
        every = upstream_instances.indexes(self.facts[task])
        if ABSENT in self.facts[task] or self._records.ended(task) >= len(every):
            return []
        return [index for index in every if not self._is_over(task, index)]

    def _is_over(self, task: str, index: int) -> bool:
        gone = ABSENT in self.facts[task] or (task, index) in self.blocked
        return gone or self._records.state(task, index) in TERMINAL_STATES

    def has_waited(self, task: str, index: int) -> bool:
        """Whether all that an instance waits for has ended."""
        own = self.facts[task]
        for up in (*above(own), *(own.get("skippers") or ())):
            at = upstream_instances.instance(self.facts, task, index, up)
            if (at is not None and not self._is_over(up, at)) or (at is None and self.left(up)):
                return False
        return True

    def due(self) -> Iterator[str]:
        """The ids of the tasks whose jobs may have begun, or which Batch will not start."""
        stopped: set[str] = set()
        for task in self.order:
            own = self.facts[task]
            if any(up in stopped or self.states(up) & _STOPPING for up in above(own)):
                stopped.add(task)
            if task in stopped or own.get("size") or self.has_waited(task, UNMAPPED):
                yield task

    def verdict(self, task: str, index: int) -> str:
        """What the rule of a task says, once :meth:`has_waited`."""
        return self._evaluator.verdict(task, index)

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

    def _write(self, move: Move) -> TaskItem | None:
        """The instance as it is then; None if it was not as it was seen."""
        task, index = move.task, move.index
        seen = self.get(task, index)
        changes = (self._run_key, task, seen, move.state, move.number, move.found)
        if not batch_jobs.advance(self._ledger, *changes, map_index=index):
            return None
        now: TaskItem = {
            "pk": schema.run_pk(*self._run_key),
            "sk": schema.task_sk(task, index),
            "updated_at": "",
            "task_id": task,
            "map_index": index,
            "state": move.state,
            "try_number": move.number,
        }
        return cast(TaskItem, {**(seen or {}), **move.found, **now})

    def _take(self, move: Move, item: TaskItem | None) -> None:
        if item is None:
            self.is_behind = True
            return
        self._records.put(move.task, move.index, item)
        self._keys[move.task, move.index] = None
