"""A file as JSON, and what JSON allows but nobody means: keys given twice, broken characters, bottomless nesting."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from ductwork.diagnostics import Diagnostics, Origin
from ductwork.importing.places import ROOT, at

# Ten times what an item of a DynamoDB table may have, for documents with much white space.
MAX_BYTES = 4_000_000
# A document has six levels.
MAX_DEPTH = 32
# Below, a float has every whole number.
_EXACT = 2**53


class _Object(dict[str, object]):
    """An object of the document.

    :param twice: keys that it has more than once; the last value counts
    """

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.twice = [key for key, count in counts.items() if count > 1]


def read(path: str, diagnostics: Diagnostics) -> object:
    """The JSON value in a file; None, with diagnostics, if it cannot be read."""
    text = _text(path, diagnostics)
    if text is None:
        return None
    try:
        value = json.loads(text, object_pairs_hook=_Object, parse_constant=_no_number, parse_float=_number)
    except json.JSONDecodeError as error:
        what = f"this is no JSON: {error.msg} (column {error.colno})"
        diagnostics.add(
            "DW601", Origin(path, error.lineno), what, "mend this line; one document, and nothing around it"
        )
        return None
    except (ValueError, RecursionError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        diagnostics.add("DW601", Origin(path), f"this is no JSON to work with: {what}", "mend the file")
        return None
    for place, what in _oddities(value):
        diagnostics.add("DW602", Origin(path), what, "mend it where the path says", field=place)
    return value


def _text(path: str, diagnostics: Diagnostics) -> str | None:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) <= MAX_BYTES:
            return data.decode("utf-8-sig")
        what = f"the file has more than {MAX_BYTES:,} bytes, and no table holds a schedule document so large"
        hint = "name the file of one schedule document"
    except OSError as error:
        what, hint = f"the file cannot be read: {error.strerror}", "check the spelling and its permissions"
    except UnicodeDecodeError as error:
        what, hint = f"the file is not UTF-8: {error.reason} at byte {error.start}", "save it as UTF-8"
    diagnostics.add("DW601", Origin(path), what, hint)
    return None


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _number(text: str) -> float | int:
    """Tables give numbers as decimals, and what exports them may write 60 as 60.0."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _oddities(value: object) -> Iterator[tuple[str, str]]:
    """``(place, what is wrong)``. It uses a stack, since a document may be nested more deeply than Python can call."""
    waiting = [(ROOT, value, 0)]
    while waiting:
        place, value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            yield ROOT, f"it is nested more than {MAX_DEPTH} levels deep"
            return
        if isinstance(value, str) and not _is_text(value):
            yield place, "the text has half a character (a lone surrogate)"
        elif isinstance(value, list):
            waiting += [(at(place, number), inner, depth + 1) for number, inner in enumerate(value)]
        elif isinstance(value, _Object):
            for key in value.twice:
                yield at(place, key), f"the key {key!r} is there twice"
            for key in value:
                if not _is_text(key):
                    yield place, "a key has half a character (a lone surrogate)"
            waiting += [(at(place, key), inner, depth + 1) for key, inner in value.items()]


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
