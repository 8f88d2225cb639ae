"""Whether the author's code reads a clock, or draws a random number, while its DAG file is loaded.

Seen is what Python code reads: the clocks of ``time`` and ``datetime``, ``uuid``, ``random``, ``os.urandom`` and what
is made of these. Libraries with clocks or random numbers of their own, in C, are not; who loads them is not asked here.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Value = TypeVar("_Value")

# Frames whose reads of the clock reach no DAG: the time of a log line, and what a library does when it is imported,
# which it does once for each process.
_NO_MATTER = ("logging", "structlog", "importlib")
# What is read in C, out of time_machine's sight.
_UNSEEN: tuple[tuple[object, str], ...] = (
    (time, "ctime"),
    (time, "asctime"),
    (os, "urandom"),
    (os, "getrandom"),
    (random, "_urandom"),
)


class ClockReads:
    """What has been seen so far."""

    def __init__(self, bundle: Path) -> None:
        self._bundle, self._thread = f"{bundle}{os.sep}", threading.get_ident()
        self.any = False

    def note(self) -> None:
        """Record a read, if the author's code is what asks, in whatever way."""
        self.any = self.any or threading.get_ident() != self._thread or self._asked(sys._getframe(1))

    def _asked(self, frame: FrameType | None) -> bool:
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(self._bundle) and "site-packages" not in file:
                return True
            if str(frame.f_globals.get("__name__")).partition(".")[0] in _NO_MATTER:
                return False
            frame = frame.f_back
        return False


@contextlib.contextmanager
def watched(bundle: Path) -> Iterator[ClockReads]:
    """Record what the author's code reads in the block. Clocks go on as ever."""
    import time_machine  # late: it imports pytest where there is one, and most files need neither

    reads, numbers = ClockReads(bundle), random.getstate()
    told: list[tuple[object, str, Callable[..., object]]]
    told = [(owner, name, _told(getattr(owner, name), reads)) for owner, name in _UNSEEN if hasattr(owner, name)]
    told.append((random.Random, "seed", _seeding(random.Random.seed, reads)))
    with time_machine.travel(None) as traveller, contextlib.ExitStack() as undoing:
        told.append((traveller, "time_ns", _told(traveller.time_ns, reads)))
        for owner, name, source in told:
            undoing.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, source)
        yield reads
    reads.any = reads.any or random.getstate() != numbers


def _told(source: Callable[_Arguments, _Value], reads: ClockReads) -> Callable[_Arguments, _Value]:
    def asked(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Value:
        reads.note()
        return source(*args, **kwargs)

    return asked


def _seeding(seed: Callable[..., None], reads: ClockReads) -> Callable[..., None]:
    """A generator without a seed is seeded from the operating system, by C code."""

    def seeded(self: random.Random, a: object = None, *args: object, **kwargs: object) -> None:
        if a is None:
            reads.note()
        seed(self, a, *args, **kwargs)

    return seeded
