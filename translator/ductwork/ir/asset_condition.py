"""Which updates of assets start a run, as plain data: one asset, all or any of some, nested as the author wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class AssetUpdate:
    """An asset has been updated: what is given of these is what its event must have.

    :param alias: of the alias by which a task has attached the event to an asset
    """

    name: str = ""
    uri: str = ""
    alias: str = ""

    def document(self) -> Mapping[str, str]:
        """As JSON: what is given."""
        return {name: value for name, value in vars(self).items() if value}

    def __str__(self) -> str:
        return self.name or self.uri or self.alias


@dataclass(frozen=True)
class AllOf:
    """Each of some conditions holds."""

    members: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(map(_within, self.members))


@dataclass(frozen=True)
class AnyOf:
    """One of some conditions holds."""

    members: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(map(_within, self.members))


Condition = AssetUpdate | AllOf | AnyOf


def updates(condition: Condition) -> tuple[AssetUpdate, ...]:
    """All updates that a condition asks after, each once, in its order."""
    return tuple(dict.fromkeys(_updates(condition)))


def _updates(condition: Condition) -> Iterator[AssetUpdate]:
    if isinstance(condition, AssetUpdate):
        yield condition
        return
    for member in condition.members:
        yield from _updates(member)


def _within(member: Condition) -> str:
    alone = isinstance(member, AssetUpdate) or len(member.members) == 1
    return str(member) if alone else f"({member})"
