"""Comparing compiled schedules: what counts is the JSON value, not how it is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

_SHOWN = 60  # characters of a differing value


def canonical(document: object) -> str:
    """JSON text that is the same for equal documents: sorted keys, no blanks."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(document: object) -> str:
    """The content hash of a definition: SHA-256 of its canonical JSON, in hex."""
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def first_difference(wanted: object, actual: object) -> str | None:
    """Where two documents differ first, in reading order of the wanted one; None if they are equal."""
    return next(_differences(wanted, actual, "$"), None)


def _differences(wanted: object, actual: object, path: str) -> Iterator[str]:
    if isinstance(wanted, Mapping) and isinstance(actual, Mapping):
        for key in [*wanted, *(key for key in actual if key not in wanted)]:
            inner = f"{path}.{key}"
            if key not in actual:
                yield f"{inner} is missing"
            elif key not in wanted:
                yield f"{inner} is not expected"
            else:
                yield from _differences(wanted[key], actual[key], inner)
    elif isinstance(wanted, list) and isinstance(actual, list):
        if len(wanted) != len(actual):
            yield f"{path} has {len(actual)} elements, not {len(wanted)}"
        for number, (one, other) in enumerate(zip(wanted, actual, strict=False)):
            yield from _differences(one, other, f"{path}[{number}]")
    elif wanted != actual or isinstance(wanted, bool) != isinstance(actual, bool):
        yield f"{path} is {_shown(actual)}, not {_shown(wanted)}"


def _shown(value: object) -> str:
    text = canonical(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
