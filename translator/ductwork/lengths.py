"""How many instances a mapped task has: an expression over what its upstream tasks leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


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
