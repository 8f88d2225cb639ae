"""JSON paths, the way diagnostics name places in a document: ``$.jobList[3].jobDependencies[0]``."""

from __future__ import annotations

import re

ROOT = "$"
_PLAIN = re.compile(r"[A-Za-z_]\w*")
_LONGEST = 60


def blank(value: object) -> bool:
    """Whether a value is nothing, in any of the ways in which documents have written that."""
    return value is None or (isinstance(value, str) and not value.strip())


def at(place: str, *steps: str | int) -> str:
    """The path of what lies below ``place``: keys as text, positions in lists as numbers from 0."""
    for step in steps:
        if isinstance(step, str) and _PLAIN.fullmatch(step):
            place += f".{step}"
        else:
            place += f"[{shown(step)}]"
    return place


def shown(value: object) -> str:
    """A value of the document in a message: on one line, and not all of a long one."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
