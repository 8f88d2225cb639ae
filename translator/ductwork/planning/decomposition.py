"""The series-parallel decomposition of a partial order."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from ductwork.planning.folding import Folding, Single
from ductwork.planning.partial_order import Order
from ductwork.planning.shapes import Parallel, Series, flat

# Below so many levels of series and parallels an order is taken for prime. Nothing that is nested deeper stays nested.
_MOST_LEVELS = 24


@dataclass(frozen=True)
class Prime:
    """Parts whose order is neither: some pairs are ordered, some are not, and no split respects both. Or parts of an
    order that is nested too deep.

    :param parts: in topological order
    :param upstream: for each part the positions in ``parts`` of those it directly follows
    """

    parts: tuple[Part, ...]
    upstream: tuple[tuple[int, ...], ...]


Part = Single | Series["Part"] | Parallel["Part"] | Prime
"""The parts of a parallel are sorted by their first task."""


def decompose(order: Order) -> Part:
    """The decomposition of a whole order; an empty one is an empty series.

    Series-parallel regions are folded first, in time linear in the edges. Each level of what is left costs one pass
    over its parts and edges, with set operations.
    """
    return _Decomposition(order).whole()


class _Decomposition:
    """The folded parts of an order, taken apart from the outside in; a part is known by its first node's index."""

    def __init__(self, order: Order) -> None:
        folding = Folding(order.reduced)
        self._ancestors = order.ancestors
        self._index = {node: index for index, node in enumerate(order.nodes)}
        made: Mapping[int, Part] = folding.parts(order.nodes)
        known_as = {part: folding.first(part) for part in made}
        self._parts = {known_as[part]: made[part] for part in made}
        self._above = {known_as[part]: [known_as[up] for up in folding.above[part]] for part in made}

    def whole(self) -> Part:
        return self._of(tuple(sorted(self._parts)), 0)

    def _of(self, members: tuple[int, ...], level: int) -> Part:
        if len(members) == 1:
            return self._parts[members[0]]
        if level < _MOST_LEVELS:
            components = self._components(members)
            if len(components) > 1:
                return self._parallel([self._of(part, level + 1) for part in components])
            sections = self._sections(members)
            if len(sections) != 1:
                return Series(flat(self._of(part, level + 1) for part in sections))
        position = {member: number for number, member in enumerate(members)}
        return Prime(
            tuple(self._parts[member] for member in members),
            tuple(tuple(sorted(position[up] for up in self._within(member, position))) for member in members),
        )

    def _parallel(self, components: Sequence[Part]) -> Part:
        """Components side by side; those that were folded into a parallel are components as well."""
        apart = [part for each in components for part in (each.parts if isinstance(each, Parallel) else (each,))]
        return Parallel(tuple(sorted(apart, key=lambda part: self._index[first(part)])))

    def _within(self, member: int, inside: Container[int]) -> list[int]:
        # Sections and components are closed under "between": the reduction of a part is the part of the reduction.
        return [up for up in self._above[member] if up in inside]

    def _components(self, members: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Members split into groups with no order between one group and another."""
        root = {member: member for member in members}

        def find(member: int) -> int:
            while root[member] != member:
                root[member] = root[root[member]]
                member = root[member]
            return member

        for member in members:
            for up in self._within(member, root):
                root[find(member)] = find(up)
        groups: dict[int, list[int]] = {}
        for member in members:
            groups.setdefault(find(member), []).append(member)
        return sorted(tuple(group) for group in groups.values())

    def _sections(self, members: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Members cut wherever every member before the cut precedes every member after it."""
        mask = _mask(members)
        ordered = sorted(members, key=lambda member: ((self._ancestors[member] & mask).bit_count(), member))
        # By position: what all members from there on have as ancestors.
        common = [0] * len(ordered)
        running = -1
        for position in range(len(ordered) - 1, -1, -1):
            running &= self._ancestors[ordered[position]]
            common[position] = running
        sections, start, before = [], 0, 0
        for position, member in enumerate(ordered):
            if position > start and before & ~common[position] == 0:
                sections.append(tuple(sorted(ordered[start:position])))
                start = position
            before |= 1 << member
        sections.append(tuple(sorted(ordered[start:])))
        return sections if members else []


def first(part: Part) -> str:
    """The first node of a part."""
    while not isinstance(part, Single):
        part = part.parts[0]
    return part.node


def _mask(members: Sequence[int]) -> int:
    bits = bytearray(max(members, default=0) // 8 + 1)
    for member in members:
        bits[member >> 3] |= 1 << (member & 7)
    return int.from_bytes(bits, "little")
