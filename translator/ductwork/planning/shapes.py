"""The two shapes that the order of tasks and the layout of a machine have in common, whatever their other parts are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

Part = TypeVar("Part", covariant=True)


@dataclass(frozen=True)
class Series(Generic[Part]):
    """Parts that run one after another, each part as a whole before the next."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Parallel(Generic[Part]):
    """Parts that have nothing to do with one another."""

    parts: tuple[Part, ...]


def flat(parts: Iterable[Part | Series[Part]]) -> tuple[Part, ...]:
    """Parts one after another, a series among them taken apart."""
    return tuple(inner for part in parts for inner in (part.parts if isinstance(part, Series) else (part,)))
