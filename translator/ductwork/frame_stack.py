"""Room for Python's frames, got once: else a call that crosses a border of it may ask the kernel for memory each time.

CPython keeps the frames of a thread in chunks of 16 KB. It maps a further chunk when a call does not fit and unmaps it
when that call returns, so a loop whose calls cross such a border maps, zeroes and unmaps 16 KB per call. Importing
Airflow and interpreting state machines nest deeply enough that this has been a fifth of their CPU time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# Pointers. A chunk is the next power of two that holds the frame, here 1 MB, and what the frame leaves of it is for the
# calls below. None of it is touched before it is used.
_STACK_SIZE = (1 << 16) + 1024


def roomy(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, with half a megabyte for the frames of what it calls.

    Source: ``push_chunk`` in CPython's ``Python/pystate.c``, since 3.11; before, it makes no difference.
    """

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    call.__code__ = call.__code__.replace(co_stacksize=_STACK_SIZE)
    return functools.update_wrapper(call, function)
