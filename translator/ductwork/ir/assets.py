"""An asset that a DAG names: what the run item keeps, because tasks may ask for it before it has had an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_GROUP = "asset"


@dataclass(frozen=True)
class Asset:
    """An asset as a DAG file defines it.

    :param extra: plain data, as the author wrote it
    """

    name: str
    uri: str
    group: str = DEFAULT_GROUP
    extra: Mapping[str, object] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """As JSON, without what is the default."""
        document: dict[str, object] = {"name": self.name, "uri": self.uri}
        if self.group != DEFAULT_GROUP:
            document["group"] = self.group
        if self.extra:
            document["extra"] = dict(self.extra)
        return document
