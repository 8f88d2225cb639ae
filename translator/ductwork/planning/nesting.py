"""What is nested in what: a decomposed order as series and parallels, at most so many of them in one another.

In a *prime* part each inner part hangs below one that it follows, so the part becomes a forest of chains. Whatever else
a part follows is not said by its place; nor is it where parallels would be nested too deep. Of such a parallel the
longest branch takes its place, and the others become branches of the outermost parallel around it. So what is nested
too deep becomes branches side by side, each of them as deep again as a branch may be.

The place of a part never says more than the order: what is before it in a series precedes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ductwork.planning import decomposition
from ductwork.planning.decomposition import Prime
from ductwork.planning.folding import Single
from ductwork.planning.shapes import Parallel, Series


@dataclass(frozen=True, eq=False)
class Nest:
    """A node alone, or parts one after another or side by side.

    :param parts: of a parallel its branches, of a series what is in it, of a node nothing
    :param node: the first node; none of its nodes precedes that
    :param height: how many states that hold others are around its innermost state
    :param length: of its longest path, in nodes
    :param is_series: its parts run one after another
    :param is_module: of a parallel: whatever precedes one of its nodes from outside precedes all of them
    """

    parts: tuple[Nest, ...]
    node: str
    height: int = 0
    length: int = 1
    is_series: bool = False
    is_module: bool = True


def bounded(part: decomposition.Part, room: int, heights: Mapping[str, int]) -> tuple[Nest, ...]:
    """What runs one after another in the outermost scope. There is no series in a series.

    :param room: how high the whole may be
    :param heights: of nodes that hold states themselves; a room has a place for each of them in a parallel
    """
    return _in_series(_nested(part, heights), room, None)


def _in_series(nest: Nest, room: int, branches: deque[Nest] | None) -> tuple[Nest, ...]:
    """What is in series where a nest is.

    :param room: how high each of that may be
    :param branches: of the parallel around, to which those can be added that have no room here
    """
    found, waiting = [], [nest]
    while waiting:
        inner = waiting.pop()
        if inner.is_series:
            waiting.extend(reversed(inner.parts))
        elif inner.height <= room or not inner.parts:
            found.append(inner)
        elif branches is None:
            found.append(_outermost(inner, room))
        else:
            longest = max(inner.parts, key=lambda part: part.length)
            branches.extend(part for part in inner.parts if part is not longest)
            waiting.append(longest)
    return tuple(found)


def _outermost(parallel: Nest, room: int) -> Nest:
    branches = deque(parallel.parts)
    made = []
    while branches:
        branch = branches.popleft()
        made.append(_series(_in_series(branch, room - 1, branches)))
    return _parallel(made, parallel.node, is_module=parallel.is_module)


def _nested(part: decomposition.Part, heights: Mapping[str, int]) -> Nest:
    """The whole part, however deep. Without recursion, for it may be deeper than Python's."""
    made: dict[int, Nest] = {}
    waiting = [part]
    while waiting:
        inner = waiting[-1]
        parts = () if isinstance(inner, Single) else inner.parts
        if missing := [each for each in parts if id(each) not in made]:
            waiting.extend(missing)
            continue
        waiting.pop()
        nests = [made[id(each)] for each in parts]
        if isinstance(inner, Single):
            made[id(inner)] = Nest((), inner.node, heights.get(inner.node, 0))
        elif isinstance(inner, Series):
            made[id(inner)] = _series(nests)
        elif isinstance(inner, Parallel):
            made[id(inner)] = _parallel(nests)
        else:
            made[id(inner)] = _forest(inner, nests)
    return made[id(part)]


def _forest(prime: Prime, parts: list[Nest]) -> Nest:
    """Each part below one of those it follows, chains first."""
    below: list[list[int]] = [[] for _ in parts]
    roots = []
    for number, above in enumerate(prime.upstream):
        free = [up for up in above if not below[up]]
        if len(above) == 1:
            below[above[0]].append(number)
        elif free:
            below[max(free)].append(number)
        else:
            roots.append(number)
    # Of each tree what is in series, the last first.
    trees: list[list[Nest]] = [[] for _ in parts]
    for number in reversed(range(len(parts))):
        if len(below[number]) == 1:
            trees[number] = trees[below[number][0]]
        elif below[number]:
            branches = [_series(reversed(trees[down])) for down in below[number]]
            trees[number].append(_parallel(branches, is_module=False))
        trees[number].append(parts[number])
    made = [_series(reversed(trees[root])) for root in roots]
    return made[0] if len(made) == 1 else _parallel(made, is_module=False)


def _series(parts: Iterable[Nest]) -> Nest:
    flat = tuple(inner for part in parts for inner in (part.parts if part.is_series else (part,)))
    if len(flat) == 1:
        return flat[0]
    height = max((part.height for part in flat), default=0)
    length = sum(part.length for part in flat)
    return Nest(flat, flat[0].node if flat else "", height, length, is_series=True)


def _parallel(branches: list[Nest], node: str = "", *, is_module: bool = True) -> Nest:
    height = 1 + max(branch.height for branch in branches)
    length = max(branch.length for branch in branches)
    return Nest(tuple(branches), node or branches[0].node, height, length, is_module=is_module)
