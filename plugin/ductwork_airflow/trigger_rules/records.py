"""What the trigger rules of a run read of its task instances: their states, and what branches have skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from ductwork.contracts.ledger import TERMINAL_STATES, UNMAPPED
from ductwork.contracts.task_item import TaskItem


class Records(Protocol):
    """What a run's task instances have left in the ledger."""

    def state(self, task_id: str, index: int) -> str | None:
        """Of one instance; None if there is no record of it."""

    def skipped(self, task_id: str) -> Sequence[str]:
        """The tasks that a task has decided to skip."""

    def states(self, task_id: str) -> Collection[str]:
        """Those that a mapped task's instances are in."""


class ItemRecords:
    """Records that have been read already.

    :param items: the run's task instances
    """

    def __init__(self, items: Iterable[TaskItem] = ()) -> None:
        self._items: dict[str, dict[int, TaskItem]] = {}
        self._states: dict[str, Counter[str]] = {}
        for item in items:
            self.put(item["task_id"], item["map_index"], item)

    def put(self, task_id: str, index: int, item: TaskItem) -> None:
        """Know the item of an instance, in place of what was known of it; -1 for a task that is not mapped."""
        of_task, counted = self._items.setdefault(task_id, {}), self._states.setdefault(task_id, Counter())
        if index in of_task:
            counted[str(of_task[index].get("state"))] -= 1
        of_task[index] = item
        counted[str(item.get("state"))] += 1

    def get(self, task_id: str, index: int) -> TaskItem | None:
        """The item of an instance; None if nothing is known of it."""
        return self._items.get(task_id, {}).get(index)

    def state(self, task_id: str, index: int) -> str | None:
        """The state of an instance; None if nothing is known of it or it has not begun."""
        item = self.get(task_id, index)
        return None if item is None else item.get("state")

    def skipped(self, task_id: str) -> Sequence[str]:
        """What a branch has decided to skip; none for other tasks."""
        return (self.get(task_id, UNMAPPED) or {}).get("skipped") or ()

    def states(self, task_id: str) -> set[str]:
        """The states that instances of a task are in, each once."""
        return {state for state, number in self._states.get(task_id, {}).items() if number}

    def ended(self, task_id: str) -> int:
        """How many of a task's instances have ended."""
        return sum(number for state, number in self._states.get(task_id, {}).items() if state in TERMINAL_STATES)
