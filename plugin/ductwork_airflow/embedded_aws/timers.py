"""Timers for a loop that waits on something else: it asks how long it may, and fires what is due."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable


class Timers:
    """Not thread-safe: the caller's lock guards it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()  # so that no two callables are ever compared

    def after(self, seconds: float, action: Callable[..., None], *arguments: object) -> None:
        """Have the first :meth:`fire` that comes at least ``seconds`` later call ``action``."""
        heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._order), lambda: action(*arguments)))

    def fire(self) -> None:
        """Call all actions that are due, in the order of their times."""
        while self._heap and self._heap[0][0] <= time.monotonic():
            heapq.heappop(self._heap)[2]()

    def seconds_left(self) -> float | None:
        """Until the next timer; None: there is none."""
        return max(0.0, self._heap[0][0] - time.monotonic()) if self._heap else None
