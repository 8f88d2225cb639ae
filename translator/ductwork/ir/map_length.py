"""How many instances a mapped task has: an expression over what its upstream tasks leave."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Where Airflow's [core] max_map_length is not set.
MAX_MAP_LENGTH = 1024


@dataclass(frozen=True)
class Length:
    """How many instances a mapped task has, as far as the file tells.

    :param kind: ``number``; ``xcom``: of a task's return value; ``product``, ``sum``, ``min``, ``max`` of ``parts``
    """

    kind: str
    number: int = 0
    task_id: str = ""
    parts: tuple[Length, ...] = ()

    def sources(self) -> Iterator[str]:
        """The tasks whose return values are counted."""
        if self.kind == "xcom":
            yield self.task_id
        for part in self.parts:
            yield from part.sources()

    @property
    def fixed(self) -> int | None:
        """The number, where nothing that a task leaves is counted."""
        return None if list(self.sources()) else self.most(lambda _: 0)

    def most(self, of_task: Callable[[str], int]) -> int:
        """How many instances there are at the most.

        :param of_task: how many items a task's return value has at the most
        """
        if self.kind == "number":
            return self.number
        if self.kind == "xcom":
            return of_task(self.task_id)
        return _MOST[self.kind](part.most(of_task) for part in self.parts)


_MOST: dict[str, Callable[[Iterator[int]], int]] = {"product": math.prod, "sum": sum, "min": min, "max": max}
