"""JSON documents as types, where their members are not worth a type of their own."""

from __future__ import annotations

from collections.abc import Mapping

# An object of which only some members are looked at; what is taken out of it is narrowed with isinstance.
JsonObject = Mapping[str, object]
