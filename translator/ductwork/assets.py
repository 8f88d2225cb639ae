"""An asset that a DAG names: what the run item keeps, because tasks may ask for it before it has had an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DEFAULT_GROUP = "asset"


@dataclass(frozen=True)
class Asset:
    """
    :param extra: plain data, as the author wrote it
    """

    name: str
    uri: str
    group: str = DEFAULT_GROUP
    extra: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As JSON, without what is the default."""
        found: dict[str, Any] = {"name": self.name, "uri": self.uri}
        if self.group != DEFAULT_GROUP:
            found["group"] = self.group
        if self.extra:
            found["extra"] = dict(self.extra)
        return found
