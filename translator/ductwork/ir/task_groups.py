"""Task groups as people see them: they order the picture, not the run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TaskGroup:
    """A task group as people see it.

    :param label: its name within the group around it
    :param tooltip: what its author says of it
    """

    label: str
    tooltip: str = ""
