"""Cutting a layout that one state machine cannot hold into children, each a machine of its own.

From the leaves upwards, a part that is too large hands consecutive members of a series, or branches of a parallel, to
children. What goes into one child is as much as fits, and the children of one part are about equal. A series is cut
where few outcomes cross. A single task, and a mapped group, is never cut.

Costs: O(parts * height), and a dozen passes over the members of each part that is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ductwork.planning.layout import Child, Join, Part
from ductwork.planning.shapes import Parallel, Series


@dataclass(frozen=True)
class Weight:
    """What a part takes of a machine.

    :param size: bytes of its states
    :param events: of a run's history
    """

    size: int = 0
    events: int = 0

    def __add__(self, other: Weight) -> Weight:
        return Weight(self.size + other.size, self.events + other.events)

    def __sub__(self, other: Weight) -> Weight:
        return Weight(self.size - other.size, self.events - other.events)

    def scaled(self, share: float) -> Weight:
        """That share of both."""
        return Weight(int(self.size * share), int(self.events * share))

    def fits(self, most: Weight) -> bool:
        """Whether both are within."""
        return self.size <= most.size and self.events <= most.events


@dataclass(frozen=True)
class Measures:
    """What cutting goes by.

    :param own: the weight of a part, without the parts in it
    :param members: the tasks of a part, as a bit set
    :param reads: the tasks whose outcomes a part reads of what was before it, as a bit set
    :param most: of what is in a child
    :param at_root: of what stays in the root
    :param child: the weight of the state that starts a child
    """

    own: Callable[[Part], Weight]
    members: Callable[[Part], int]
    reads: Callable[[Part], int]
    most: Weight
    at_root: Weight
    child: Weight


def cut(root: Part, measures: Measures) -> Part:
    """The layout with children, numbered in reading order, so that what is in each machine weighs what it may."""
    return _numbered(_Cutter(measures).fitted(root, measures.at_root).part, iter(range(1, 1_000_000)).__next__)


@dataclass(frozen=True)
class _Weighed:
    """A part that has been cut.

    :param whole: no child is in it
    """

    part: Part
    weight: Weight
    whole: bool = True


class _Cutter:
    def __init__(self, measures: Measures) -> None:
        self._measures = measures

    def fitted(self, part: Part, most: Weight) -> _Weighed:
        """The part, cut so that what of it stays in the machine around it fits, if cutting helps."""
        own = self._measures.own(part)
        if isinstance(part, Join):
            inner = self.fitted(part.part, most - own)
            return _Weighed(replace(part, part=inner.part), own + inner.weight, inner.whole)
        if not isinstance(part, (Series, Parallel)):
            return _Weighed(part, own)
        inside = [self.fitted(inner, self._measures.most) for inner in part.parts]
        crossing = self._crossing(part) if isinstance(part, Series) else [0] * len(inside)
        return self._packed(type(part), own, inside, crossing, most)

    def _packed(
        self,
        shape: type[Series[Part]] | type[Parallel[Part]],
        own: Weight,
        inside: list[_Weighed],
        crossing: list[int],
        most: Weight,
    ) -> _Weighed:
        """Members handed to children until the rest fits: at first those of which nothing is in a child already."""
        for only_whole in (True, False, False):
            weight = sum((each.weight for each in inside), own)
            if weight.fits(most):
                break
            inside, crossing = self._pack(shape, own, inside, crossing, only_whole=only_whole)
        weight = sum((each.weight for each in inside), own)
        parts = tuple(each.part for each in inside)
        part = parts[0] if len(parts) == 1 else shape(parts)
        return _Weighed(part, weight, all(each.whole for each in inside))

    def _pack(
        self,
        shape: type[Series[Part]] | type[Parallel[Part]],
        own: Weight,
        inside: list[_Weighed],
        crossing: list[int],
        *,
        only_whole: bool,
    ) -> tuple[list[_Weighed], list[int]]:
        packed: list[_Weighed] = []
        across: list[int] = []
        for start, end in _runs(inside) if only_whole else [(0, len(inside))]:
            pieces = _divided(
                [each.weight for each in inside[start:end]], crossing[start:end], self._measures.most - own
            )
            for first, last in pieces:
                members = inside[start + first : start + last]
                for each in self._in_child(shape, own, members):
                    packed.append(each)
                    across.append(0)
                across[-1] = crossing[start + last - 1]
        return packed, across

    def _in_child(
        self, shape: type[Series[Part]] | type[Parallel[Part]], own: Weight, members: list[_Weighed]
    ) -> list[_Weighed]:
        """The members as one child, unless that would weigh about as much as they do."""
        weight = sum((each.weight for each in members), own)
        if weight.fits(self._measures.child.scaled(2)) or (len(members) == 1 and isinstance(members[0].part, Child)):
            return members
        parts = tuple(each.part for each in members)
        inner = parts[0] if len(parts) == 1 else shape(parts)
        return [_Weighed(Child(0, inner), self._measures.child, whole=False)]

    def _crossing(self, part: Series[Part]) -> list[int]:
        """After each member: of how many tasks up to there the outcomes are read later on."""
        read, reads = 0, []
        for inner in reversed(part.parts):
            reads.append(read)
            read |= self._measures.reads(inner)
        ended, found = 0, []
        for inner, later in zip(part.parts, reversed(reads), strict=True):
            ended |= self._measures.members(inner)
            found.append((ended & later).bit_count())
        return found


def _runs(inside: Sequence[_Weighed]) -> list[tuple[int, int]]:
    """``(start, end)`` of the longest runs of members that are whole, and of each other member."""
    found: list[tuple[int, int]] = []
    for place, each in enumerate(inside):
        if found and each.whole and inside[place - 1].whole:
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
    return found


def _divided(weights: Sequence[Weight], crossing: Sequence[int], most: Weight) -> list[tuple[int, int]]:
    """``(start, end)`` of as few pieces as possible, about equal, of which each fits if any piece around it does."""
    fewest = len(_filled(weights, most))
    least, enough = 0.0, 1.0
    for _ in range(10):
        middle = (least + enough) / 2
        least, enough = (least, middle) if len(_filled(weights, most.scaled(middle))) == fewest else (middle, enough)
    balanced = most.scaled(enough)
    found, start = [], 0
    while start < len(weights):
        end = _end(weights, start, balanced)
        if end < len(weights):
            # A little more or less lets a piece end where fewer outcomes cross.
            places = range(start + max(1, (end - start) * 4 // 5), _end(weights, start, most.scaled(enough * 1.1)) + 1)
            end = min(places, key=lambda place: (crossing[place - 1], abs(place - end)))
        found.append((start, end))
        start = end
    return found if len(found) <= fewest else _filled(weights, balanced)


def _filled(weights: Sequence[Weight], most: Weight) -> list[tuple[int, int]]:
    """Pieces filled one after another."""
    pieces, start = [], 0
    while start < len(weights):
        end = _end(weights, start, most)
        pieces.append((start, end))
        start = end
    return pieces


def _end(weights: Sequence[Weight], start: int, most: Weight) -> int:
    """Where a piece ends that has what fits, and at least one."""
    weight, end = weights[start], start + 1
    while end < len(weights) and (weight + weights[end]).fits(most):
        weight, end = weight + weights[end], end + 1
    return end


def _numbered(part: Part, number: Callable[[], int]) -> Part:
    if isinstance(part, Child):
        return Child(number(), _numbered(part.part, number))
    if isinstance(part, Join):
        return replace(part, part=_numbered(part.part, number))
    if isinstance(part, (Series, Parallel)):
        return replace(part, parts=tuple(_numbered(inner, number) for inner in part.parts))
    return part
