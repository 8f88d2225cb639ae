"""Values as Python source, laid out as ``ruff format`` lays it out, whatever its line length of 88 or more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The shortest line length in wide use. What is longer is split with a comma after the last item, which keeps it split.
WIDTH = 88
INDENT = "    "


def text(value: str) -> str:
    """A string literal on one line, with the quotes that need fewer escapes."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    # repr() escapes what cannot be printed, but chooses its quotes otherwise.
    return quote + "".join(f"\\{c}" if c == quote else c if c in "'\"" else repr(c)[1:-1] for c in value) + quote


def keyword(name: str, value: object, indent: str) -> str:
    """A line, or several, of a call that is split: ``name=value,``."""
    return _item(f"{name}=", value, indent)


def _item(start: str, value: object, indent: str) -> str:
    flat = f"{indent}{start}{_flat(value)},"
    # Some characters are two columns wide; to be on the safe side, split.
    if not value or not isinstance(value, (Mapping, list)) or (len(flat) <= WIDTH and flat.isascii()):
        return flat
    inner = indent + INDENT
    if isinstance(value, Mapping):
        lines = [_item(f"{text(key)}: ", each, inner) for key, each in value.items()]
    else:
        lines = [_item("", each, inner) for each in value]
    opening, closing = "{}" if isinstance(value, Mapping) else "[]"
    return "\n".join([f"{indent}{start}{opening}", *lines, f"{indent}{closing},"])


def _flat(value: Any) -> str:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{text(key)}: {_flat(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    # A document's other values are whole numbers by now.
    return repr(int(value))
