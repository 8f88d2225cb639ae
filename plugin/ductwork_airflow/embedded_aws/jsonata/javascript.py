"""Numbers, texts, moments and regular expressions as JavaScript has them, for JSONata's functions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Context, Decimal

from jsonata.regex_engine import RegexFlags

_SAFE = 2**53
_DIGITS = Context(prec=15, rounding=ROUND_HALF_UP, Emin=-999, Emax=999)


# ---- numbers ----


def number(value: float) -> int | float:
    """A double; an integer where that is the same, so that arrays can be indexed with it."""
    double = float(value)
    return int(double) if double.is_integer() and abs(double) <= _SAFE else double


def printed(value: float) -> str:
    """``Number.prototype.toString``, of finite numbers."""
    exact = Decimal(repr(float(value)))
    if not exact:
        return "0"
    if Decimal("1e-6") <= abs(exact) < Decimal("1e21"):
        text = format(exact, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    sign, digits, exponent = exact.normalize().as_tuple()
    first, *rest = map(str, digits)
    power = int(exponent) + len(digits) - 1
    return f"{'-' * sign}{first}{'.' * bool(rest)}{''.join(rest)}e{power:+d}"


def fifteen_digits(value: float) -> float:
    """``Number(value.toPrecision(15))``."""
    return float(_DIGITS.create_decimal(Decimal(float(value))))


def rounded(value: float, digits: int = 0) -> Decimal:
    """To the nearest, half to even, by the digits that would be printed, as ``$round`` does."""
    exact = Decimal(printed(value))
    return exact if int(exact.as_tuple().exponent) >= -digits and digits >= 0 else round(exact, digits)


# ---- texts ----


def text(value: str) -> str:
    """A string as JSON, as ``JSON.stringify`` writes it: lone surrogates are escaped, all else stays."""
    quoted = json.dumps(value, ensure_ascii=False)
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):x}", quoted)


def stringify(value: object, leaf: Callable[[object], str], indent: int = 0, margin: str = "\n") -> str:
    """``JSON.stringify``; ``leaf`` prints what is neither text, object nor array."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        pairs = [
            f"{text(key)}:{' ' * bool(indent)}{stringify(inner, leaf, indent, margin + ' ' * indent)}"
            for key, inner in ordered(value).items()
        ]
        return _enclosed("{}", pairs, indent, margin)
    if isinstance(value, list):
        return _enclosed(
            "[]", [stringify(inner, leaf, indent, margin + " " * indent) for inner in value], indent, margin
        )
    return leaf(value)


def _enclosed(ends: str, parts: list[str], indent: int, margin: str) -> str:
    if not parts or not indent:
        return ends[0] + ",".join(parts) + ends[1]
    inner = margin + " " * indent
    return ends[0] + inner + f",{inner}".join(parts) + margin + ends[1]


def ordered(value: dict[str, object]) -> dict[str, object]:
    """Keys that are array indexes come first, by size."""
    indexes = [key for key in value if _is_index(key)] if any(map(str.isdigit, value)) else []
    if not indexes:
        return value
    return {key: value[key] for key in sorted(indexes, key=int)} | {
        key: inner for key, inner in value.items() if not _is_index(key)
    }


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and (key == "0" or key[0] != "0") and int(key) < 2**32 - 1


# ---- moments ----

_ISO = re.compile(
    r"(\d{4})(?:-([01]\d)(?:-([0-3]\d))?)?(?:T([0-2]\d):([0-5]\d):([0-5]\d)(?:\.(\d+))?)?(?:([+-])([0-2]\d):?([0-5]\d)|Z)?",
    re.ASCII,
)


def milliseconds(moment: str) -> int:
    """``$toMillis`` without a picture; a time without a zone is in UTC, as the clocks of AWS are.

    :raises ValueError: it is not of a form that JSONata takes
    """
    parts = _ISO.fullmatch(moment)
    if parts is None:
        raise ValueError(f"{moment!r} is not an ISO 8601 timestamp that $toMillis takes: YYYY-MM-DDTHH:MM:SS.sssZ")
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = parts.groups()
    start = datetime(int(year), int(month or 1), 1, tzinfo=timezone.utc) + timedelta(
        days=int(day or 1) - 1, hours=int(hour or 0), minutes=int(minute or 0), seconds=int(second or 0)
    )
    offset = (1 if sign == "+" else -1) * (int(hours or 0) * 60 + int(minutes or 0))
    whole = (start - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1)
    return whole * 1000 + int((fraction or "0").ljust(3, "0")[:3]) - offset * 60_000


# ---- regular expressions ----

_CLASSES = {
    "d": "0-9",
    "w": "A-Za-z0-9_",
    "s": r"\t\n\v\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff",
}
_LINES = r"\n\r\u2028\u2029"
_PART = re.compile(r"\\.|\[\^?\]?|\]|\(\?<(?![=!])|[.$^]", re.DOTALL)


def compiled(pattern: str, flags: RegexFlags) -> re.Pattern[str]:
    """JavaScript's regular expression as one of Python's."""
    inside = False

    def translated(match: re.Match[str]) -> str:
        nonlocal inside
        part = match[0]
        if part[0] == "\\":
            return _escape(part, inside)
        if inside:
            inside = part != "]"
            return "\\[" if part[0] == "[" else part
        if part[0] == "[":
            # [] matches nothing, [^] everything.
            inside = part[-1] != "]"
            return {"[]": "(?!)", "[^]": "[\\s\\S]"}.get(part, part)
        return {".": f"[^{_LINES}]", "(?<": "(?P<", "$": f"(?=[{_LINES}]|\\Z)" if flags.multiline else "\\Z"}.get(
            part, part
        )

    # The order of alternatives and greed are the same in both.
    options = re.IGNORECASE * flags.case_insensitive | re.MULTILINE * flags.multiline
    return re.compile(_PART.sub(translated, pattern), options)


def _escape(part: str, inside: bool) -> str:
    letter = part[1]
    if (ranges := _CLASSES.get(letter.lower())) is None:
        return {"\\b": "\\b" if inside else "(?a:\\b)", "\\B": "(?a:\\B)", "\\/": "/"}.get(part, part)
    if letter.islower():
        return ranges if inside else f"[{ranges}]"
    return part if inside else f"[^{ranges}]"
