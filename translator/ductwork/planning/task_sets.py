"""Sets of tasks as bit sets: Python integers, so that a set of 10,000 takes about 1 KB and a union one loop in C."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload


class TaskSets:
    """The numbering of tasks in bit sets: bit i is the i-th of them.

    :param tasks: their ids, in the order in which :meth:`named` gives them
    """

    def __init__(self, tasks: Iterable[str]) -> None:
        self._names = list(tasks)
        self._bit = {task: 1 << number for number, task in enumerate(self._names)}

    def bits(self, tasks: Iterable[str]) -> int:
        """Tasks as a bit set."""
        found = 0
        for task in tasks:
            found |= self._bit[task]
        return found

    def named(self, tasks: int) -> Names:
        """The ids of the tasks of a bit set, in order."""
        return Names(self._names, tasks)


class Names(Sequence[str]):
    """The ids of a bit set's tasks. How many there are is told without naming them, which large ones seldom need."""

    def __init__(self, names: Sequence[str], tasks: int) -> None:
        self._names, self._tasks = names, tasks

    def __len__(self) -> int:
        return self._tasks.bit_count()

    def __iter__(self) -> Iterator[str]:
        # Text is searched faster than a long number is taken apart.
        digits = f"{self._tasks:b}"[::-1]
        at = digits.find("1")
        while at >= 0:
            yield self._names[at]
            at = digits.find("1", at + 1)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        return tuple(self)[at]
