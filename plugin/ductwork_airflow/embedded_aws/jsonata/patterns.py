"""JSONata's functions that take a text or a regular expression, as its reference implementation has them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.utils import Utils


def _matches(value: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """All but the first have to have a length: the reference looks on while there is text left."""
    match = pattern.search(value)
    if match is not None:
        yield match
    while match is not None and match.end() < len(value):
        match = pattern.search(value, match.end())
        if match is None:
            return
        if not match[0]:
            raise JException("D1004", -1, pattern.pattern)
        yield match


# Any: a text, or a pattern of the interpreter's own.
def contains(value: str | None, token: Any) -> bool | None:
    """``$contains``, with text or a pattern; nothing for nothing."""
    if value is None:
        return None
    return token in value if isinstance(token, str) else token.search(value) is not None


# Any: a text, or a pattern of the interpreter's own.
def match(value: str | None, pattern: Any, limit: float | None = None) -> object:
    """``$match``: ``{"match", "index", "groups"}`` of each match, in order.

    :param limit: how many at the most
    :raises JException: D3040, it is negative
    """
    if value is None:
        return None
    matches = itertools.islice(_matches(value, pattern), _count(limit, "D3040"))
    return Utils.create_sequence_from_iter(
        {
            "match": one[0],
            "index": one.start(),
            "groups": [Utils.NULL_VALUE if group is None else group for group in one.groups()],
        }
        for one in matches
    )


def _count(limit: float | None, code: str) -> int | None:
    if limit is not None and limit < 0:
        raise JException(code, -1, limit)
    return None if limit is None else math.ceil(limit)


# Any: a text, or a pattern of the interpreter's own.
def split(value: str | None, separator: Any, limit: float | None = None) -> object:
    """``$split`` by text or a pattern; groups of the pattern are no parts of the result.

    :param limit: how many parts at the most
    :raises JException: D3020, it is negative
    """
    if value is None:
        return None
    count = _count(limit, "D3020")
    if isinstance(separator, str):
        return (value.split(separator) if separator else list(value))[: None if limit is None else int(limit)]
    ends = [0]
    matches = list(itertools.islice(_matches(value, separator), count))
    parts = []
    for one in matches:
        parts.append(value[ends[-1] : one.start()])
        ends.append(one.end())
    return parts if count is not None and len(matches) >= count else [*parts, value[ends[-1] :]]


# Any: a text, or a pattern of the interpreter's own.
def replace(value: str | None, pattern: Any, replacement: Any, limit: float | None = None) -> Any:
    """``$replace``; ``$1`` and the like in a pattern's replacement are its groups, a function gets each match.

    :param limit: how many matches at the most
    :raises JException: D3010, the pattern is empty text; D3011, the limit is negative
    """
    if value is None:
        return None
    if pattern == "":
        raise JException("D3010", -1)
    count = _count(limit, "D3011")
    if isinstance(pattern, str):
        return value.replace(pattern, replacement, -1 if count is None else count)
    parts, end = [], 0
    for one in itertools.islice(_matches(value, pattern), count):
        parts += [value[end : one.start()], _replaced(one, replacement)]
        end = one.end()
    return "".join([*parts, value[end:]])


def _replaced(match: re.Match[str], replacement: object) -> str:
    if isinstance(replacement, str):
        return _filled(replacement, match)
    groups = [Utils.NULL_VALUE if group is None else group for group in match.groups()]
    argument = {"match": match[0], "start": match.start(), "end": match.end(), "groups": groups}
    result = Functions.func_apply(replacement, [argument])
    if not isinstance(result, str):
        raise JException("D3012", -1, result)
    return result


def _filled(replacement: str, match: re.Match[str]) -> str:
    """``$$``, ``$0`` and ``$N``, of as many digits as there are groups for."""
    groups = match.groups()
    width = len(str(len(groups)))

    def value(reference: re.Match[str]) -> str:
        digits, rest = reference[1], ""
        if digits in {"$", "0"} or not digits:
            return {"$": "$", "0": match[0]}.get(digits, "$")
        digits, rest = digits[:width], digits[width:]
        if len(digits) > 1 and int(digits) > len(groups):
            digits, rest = digits[:-1], digits[-1] + rest
        number = int(digits)
        return (groups[number - 1] or "" if 0 < number <= len(groups) else "") + rest

    return re.sub(r"\$(\$|0|[1-9][0-9]*|)", value, replacement)
