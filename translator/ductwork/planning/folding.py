"""Folding the series-parallel regions of a reduced graph into one part each, in time linear in its edges.

Two kinds of fold, until neither applies: a part and its only successor, where it is the only predecessor of that,
become a series; parts with the same predecessors and the same successors, a parallel. Either result is a module: what
is outside precedes all of it or none. Whichever fold comes first, the same parts are left.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ductwork.planning.shapes import Parallel, Series


@dataclass(frozen=True)
class Single:
    """One node alone."""

    node: str


Region = Single | Series["Region"] | Parallel["Region"]
"""What was folded into one part. Series are not directly in series, nor parallels in parallels, whose
parts are sorted by their first node."""

_LEAF, _SERIES, _PARALLEL = range(3)


class Folding:
    """A reduced graph while its parts are folded.

    A part has the number of one of its nodes. What each part is made of is a binary tree of folds, which
    :meth:`parts` flattens at the end, so that no fold copies what others have made.

    :param above: for each node its direct upstream nodes, of a reduced graph without cycles
    """

    def __init__(self, above: Sequence[Sequence[int]]) -> None:
        count = len(above)
        self.above = [set(direct) for direct in above]
        self.below: list[set[int]] = [set() for _ in above]
        for node, direct in enumerate(above):
            for up in direct:
                self.below[up].add(node)
        self.alive = [True] * count
        self._tree = list(range(count))
        self._kinds, self._first = [_LEAF] * count, list(range(count))
        self._halves: list[tuple[int, int]] = [(0, 0)] * count
        # Of each part a number for its predecessors and one for its successors: the sums of random numbers. Equal sets
        # have equal sums, so twins are found without a look at their neighbours.
        draw = random.Random(0)
        self._weights = [draw.getrandbits(61) for _ in above]
        self._sums_above = [sum(map(self._weights.__getitem__, direct)) for direct in self.above]
        self._sums_below = [sum(map(self._weights.__getitem__, direct)) for direct in self.below]
        self._twins: dict[tuple[int, int], int] = {}
        self._waiting = deque(range(count))
        self._is_waiting = [True] * count
        while self._waiting:
            part = self._waiting.popleft()
            self._is_waiting[part] = False
            if self.alive[part]:
                self._fold_twin(self._fold_series(part))

    def _fold_series(self, part: int) -> int:
        """Folds a part with all that it can be in series with; the number of what that makes."""
        while True:
            if len(self.below[part]) == 1:
                (down,) = self.below[part]
                if len(self.above[down]) == 1:
                    part = self._append(part, down)
                    continue
            if len(self.above[part]) == 1:
                (up,) = self.above[part]
                if len(self.below[up]) == 1:
                    part = self._append(up, part)
                    continue
            return part

    def _append(self, up: int, down: int) -> int:
        above, below = self.above[up], self.below[down]
        self.alive[up] = self.alive[down] = False
        # The number of the part with more further neighbours, for these must learn of the other's.
        kept, gone = (up, down) if len(above) > len(below) else (down, up)
        sets, sums = (self.above, self._sums_above) if kept == up else (self.below, self._sums_below)
        for neighbour in below if kept == up else above:
            sets[neighbour].remove(gone)
            sets[neighbour].add(kept)
            sums[neighbour] += self._weights[kept] - self._weights[gone]
            self._wait(neighbour)
        tree = self._fold(_SERIES, self._tree[up], self._tree[down])
        self.above[kept], self.below[kept] = above, below
        self._sums_above[kept], self._sums_below[kept] = self._sums_above[up], self._sums_below[down]
        self.alive[kept], self._tree[kept] = True, tree
        return kept

    def _fold_twin(self, part: int) -> None:
        key = self._sums_above[part], self._sums_below[part]
        twin = self._twins.get(key, part)
        if twin == part or not self.alive[twin] or key != (self._sums_above[twin], self._sums_below[twin]):
            self._twins[key] = part
        elif self.above[part] == self.above[twin] and self.below[part] == self.below[twin]:
            self.alive[part] = False
            self._tree[twin] = self._fold(_PARALLEL, self._tree[twin], self._tree[part])
            for sets, sums, neighbours in (
                (self.below, self._sums_below, self.above[part]),
                (self.above, self._sums_above, self.below[part]),
            ):
                for neighbour in neighbours:
                    sets[neighbour].remove(part)
                    sums[neighbour] -= self._weights[part]
                    self._wait(neighbour)

    def _wait(self, part: int) -> None:
        if not self._is_waiting[part]:
            self._is_waiting[part] = True
            self._waiting.append(part)

    def _fold(self, kind: int, one: int, other: int) -> int:
        self._kinds.append(kind)
        self._halves.append((one, other))
        self._first.append(min(self._first[one], self._first[other]))
        return len(self._kinds) - 1

    def first(self, part: int) -> int:
        """The first node of a part."""
        return self._first[self._tree[part]]

    def parts(self, nodes: Sequence[str]) -> dict[int, Region]:
        """What each part that is left is made of, by its number.

        :param nodes: their names
        """
        wanted = {self._tree[part] for part in range(len(self.alive)) if self.alive[part]}
        for tree, (one, other) in enumerate(self._halves):
            if self._kinds[tree] != _LEAF:
                wanted.update(half for half in (one, other) if self._kinds[half] != self._kinds[tree])
        made: dict[int, Region] = {}
        # The halves of a fold were there before it.
        for tree in sorted(wanted):
            inner = self._flat(tree)
            if self._kinds[tree] == _LEAF:
                made[tree] = Single(nodes[tree])
            elif self._kinds[tree] == _SERIES:
                made[tree] = Series(tuple(map(made.__getitem__, inner)))
            else:
                inner.sort(key=self._first.__getitem__)
                made[tree] = Parallel(tuple(map(made.__getitem__, inner)))
        return {part: made[self._tree[part]] for part in range(len(self.alive)) if self.alive[part]}

    def _flat(self, tree: int) -> list[int]:
        """The trees of which a tree is a series, or a parallel, in order."""
        found, waiting = [], [tree]
        while waiting:
            inner = waiting.pop()
            if self._kinds[inner] == self._kinds[tree] != _LEAF:
                waiting.extend(reversed(self._halves[inner]))
            else:
                found.append(inner)
        return found
