"""Comparing compiled schedules: what counts is the JSON value, not how it is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

_SHOWN = 60  # characters of a differing value


def canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(document: Any) -> str:
    """The content hash of a definition: SHA-256 of its canonical JSON, in hex."""
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def first_difference(wanted: Any, found: Any) -> str | None:
    """Where two documents differ first, in reading order of the wanted one; None if they are equal."""
    return next(_differences(wanted, found, "$"), None)


def _differences(wanted: Any, found: Any, path: str) -> Iterator[str]:
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            inner = f"{path}.{key}"
            if key not in found:
                yield f"{inner} is missing"
            elif key not in wanted:
                yield f"{inner} is not expected"
            else:
                yield from _differences(wanted[key], found[key], inner)
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            yield f"{path} has {len(found)} elements, not {len(wanted)}"
        for number, (one, other) in enumerate(zip(wanted, found, strict=False)):
            yield from _differences(one, other, f"{path}[{number}]")
    elif wanted != found or isinstance(wanted, bool) != isinstance(found, bool):
        yield f"{path} is {_shown(found)}, not {_shown(wanted)}"


def _shown(value: Any) -> str:
    text = canonical(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
