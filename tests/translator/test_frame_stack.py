"""Room for Python's frames, and what lacks it: calls that map memory anew each time."""

from __future__ import annotations

import resource
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from ductwork.frame_stack import roomy

CALLS = 300


def nothing() -> None:
    pass


# Its frame is larger than that of one recursion more: at some depth it does not fit where that still does.
nothing.__code__ = nothing.__code__.replace(co_stacksize=64)


def faults_at(depth: int) -> list[int]:
    """The page faults of a loop of calls at each depth of frames down to this one."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(CALLS):
        nothing()
    here = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return [here] + (faults_at(depth - 1) if depth else [])


def in_thread(function: object) -> int:
    """The most page faults at any depth. A thread begins with an empty stack."""
    with ThreadPoolExecutor(1) as pool:
        return max(pool.submit(function, 300).result())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="3.10 has no stack of frames")
def test_calls_across_the_border_of_a_chunk_fault_without_room_only() -> None:
    assert in_thread(faults_at) >= CALLS
    assert in_thread(roomy(faults_at)) < CALLS / 3


def test_it_is_the_function_it_was() -> None:
    @roomy
    def named(first: int, *, second: str) -> tuple[int, str]:
        """What it does."""
        return first, second

    assert named(1, second="x") == (1, "x")
    assert (named.__name__, named.__doc__) == ("named", "What it does.")
    with pytest.raises(TypeError, match="second"):
        named(1)  # type: ignore[call-arg]
