"""jsonata-python as the reference implementation, whose function library is that of Step Functions.

What the port does otherwise is done here as JSONata 2.0.6 does it. What stays different:

* texts are compared by code point, not by UTF-16 unit, and ``index`` of a match counts so: it differs beyond U+FFFF;
* a fraction as an index, a length or a width, ``$number('0x1z')`` and an impossible date give NaN there, an error here;
* ``$formatNumber`` rounds half up in pictures with an exponent, writes numbers of 17 digits and more as they are
  printed, those from 1e21 on without an exponent, and '0' for the reference's '.0' where no digit has to be;
* ``$fromMillis`` in a zone like ``-0530`` is right, where the reference is an hour off;
* ``$decodeUrl`` leaves broken escapes as they are, where the reference refuses them.
"""

from __future__ import annotations

import base64
import copy
import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from jsonata import Jsonata
from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.signature import Signature
from jsonata.utils import Utils

from ductwork_airflow.embedded_aws.jsonata import javascript, patterns
from ductwork_airflow.embedded_aws.jsonata.evaluation import DirectJsonata

NULL = Utils.NULL_VALUE
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?", re.ASCII)
_BASED = re.compile(r"0[xX][0-9A-Fa-f]+|0[oO][0-7]+|0[bB][01]+", re.ASCII)


class ReferenceJsonata(DirectJsonata):
    """An expression whose operators and functions are the reference's.

    :raises JException: it does not parse
    """

    def __init__(self, expression: str) -> None:
        super().__init__(expression, javascript.compiled)
        self.environment = self.create_frame(_FRAME)

    # Any: as in the class that this overrides; numbers, once it has been looked.
    def evaluate_numeric_expression(self, lhs: Any, rhs: Any, op: str) -> object:
        """``+ - * / %`` on JavaScript's doubles; nothing, if either side is missing.

        :raises JException: T2001 or T2002, a side is no number
        """
        for code, side in (("T2001", lhs), ("T2002", rhs)):
            if side is not None and not Utils.is_numeric(side):
                raise JException(code, -1, op, side)
        if lhs is None or rhs is None:
            return None
        return javascript.number(_ARITHMETIC[op](float(lhs), float(rhs)))

    def evaluate_includes_expression(self, lhs: object, rhs: object) -> bool:
        """``in``: by strict equality, so objects and arrays are found only as the very same object."""
        if lhs is None or rhs is None:
            return False
        return any(_strictly_equal(lhs, item) for item in (rhs if isinstance(rhs, list) else [rhs]))

    def evaluate_string_concat(self, lhs: object, rhs: object) -> str:
        """``&``: each side as :func:`string` writes it, a missing one as nothing."""
        return (string(lhs) or "") + (string(rhs) or "")

    def evaluate_range_expression(self, lhs: object, rhs: object) -> object:
        """``..``: sides like 2.0 count as whole numbers."""
        whole = [javascript.number(side) if isinstance(side, float) else side for side in (lhs, rhs)]
        return super().evaluate_range_expression(*whole)

    def evaluate_group_expression(self, expr: object, input: object, environment: object) -> object:
        """An object whose keys are in JavaScript's order: whole numbers first."""
        return javascript.ordered(super().evaluate_group_expression(expr, input, environment))


# ---- operators ----


def _divided(one: float, other: float) -> float:
    if other:
        return one / other
    return math.nan if not one or math.isnan(one) else math.copysign(math.inf, one) * math.copysign(1, other)


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": _divided,
    "%": lambda one, other: math.fmod(one, other) if other else math.nan,
}


def _strictly_equal(one: object, other: object) -> bool:
    """JavaScript's ``===``: arrays and objects are equal to themselves only."""
    if isinstance(one, (list, dict)) or isinstance(other, (list, dict)):
        return one is other
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


# ---- functions of texts and numbers ----


def string(value: object, prettify: bool | None = False) -> str | None:
    """``$string``: text stays as it is, functions become ``""``, other values JSON.

    :param prettify: with an indent of 2
    :raises JException: D3001, a number that is not finite
    """
    if isinstance(value, Utils.JList) and value.outer_wrapper:
        value = value[0]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise JException("D3001", -1, value)
    return javascript.stringify(value, _leaf, 2 if prettify else 0) if not _is_function(value) else ""


def _leaf(value: object) -> str:
    if value is None or value is NULL:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        # It says of a number that is none what the reference does.
        return javascript.printed(javascript.fifteen_digits(value)) if Utils.is_numeric(value) else "null"
    return '""'


def _is_function(value: object) -> bool:
    return bool(Utils.is_function(value) or Functions.is_lambda(value) or Functions.is_regex(value))


def _number(value: Any) -> object:
    if value is None or isinstance(value, (int, float)):
        return int(value) if isinstance(value, bool) else value
    if _NUMBER.fullmatch(value) and math.isfinite(float(value)):
        return javascript.number(float(value))
    if _BASED.fullmatch(value):
        return javascript.number(int(value, 0))
    raise JException("D3030", -1, value)


def _sum(values: list[float] | None) -> Any:
    if values is None:
        return None
    total = 0.0
    for value in values:  # sum() rounds better than JavaScript from Python 3.12 on
        total += value
    return javascript.number(total)


def _average(values: list[float] | None) -> object:
    return javascript.number(_sum(values) / len(values)) if values else None


def _round(value: float | None, digits: int | None = None) -> object:
    return None if value is None else javascript.number(float(javascript.rounded(value, int(digits or 0))))


def _format_number(value: float | None, picture: str, options: Mapping[str, str] | None = None) -> object:
    if value is None:
        return None
    given: float | Decimal = value
    point, exponent = ((options or {}).get(*pair) for pair in (("decimal-separator", "."), ("exponent-separator", "e")))
    parts = picture.split((options or {}).get("pattern-separator", ";"))
    part = parts[-1] if value < 0 else parts[0]
    if math.isfinite(value) and exponent not in part:
        fraction = part.partition(point)[2]
        places = sum(letter.isdigit() or letter == (options or {}).get("digit", "#") for letter in fraction)
        given = javascript.rounded(value, places + {"%": 2, "‰": 3}.get(part.strip()[-1:], 0))
    return Functions.format_number(given, picture, options)


def _lowercase(value: str | None) -> str | None:
    return None if value is None else value.lower()


def _base64encode(value: str | None) -> str | None:
    """Of the lower bytes of its UTF-16 units."""
    return None if value is None else base64.b64encode(value.encode("utf-16-le", "surrogatepass")[::2]).decode()


def _base64decode(value: str | None) -> str | None:
    return None if value is None else base64.b64decode(value + "===").decode("latin-1")


def _to_millis(moment: str | None, picture: str | None = None) -> object:
    if moment is None or picture is not None:
        return Functions.datetime_to_millis(moment, picture)
    return javascript.milliseconds(moment)


# ---- functions of arrays and objects ----


def _distinct(values: Any) -> object:
    if not isinstance(values, list) or len(values) <= 1:
        return values
    kept: list[object] = Utils.create_sequence() if Utils.is_sequence(values) else []
    for value in values:
        if not any(Utils.is_deep_equal(value, other) for other in kept):
            kept.append(value)
    return kept


def _sort(values: list[Any] | None, comparator: Any = None) -> Any:
    """A merge sort that takes the later one first where the comparator says anything that is true."""
    if values is None or len(values) <= 1:
        return values
    if comparator is None:
        if not Utils.is_array_of_numbers(values) and not Utils.is_array_of_strings(values):
            raise JException("D3070", -1)
        return sorted(values)
    middle = len(values) // 2
    left, right = _sort(values[:middle], comparator), _sort(values[middle:], comparator)
    merged = []
    while left and right:
        later = _truthy(Functions.func_apply(comparator, [left[0], right[0]]))
        merged.append((right if later else left).pop(0))
    return [*merged, *left, *right]


def _truthy(value: object) -> bool:
    if value is NULL or value is None or (isinstance(value, float) and math.isnan(value)):
        return False
    return isinstance(value, (list, dict)) or bool(value)


def _merge(objects: list[dict[str, object]] | None) -> object:
    return None if objects is None else javascript.ordered(Functions.merge(objects))


def _clone(value: object) -> object:
    return None if value is None else _nulls(json.loads(string(value) or "null"))


def _nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: _nulls(inner) for key, inner in value.items()}
    return [_nulls(inner) for inner in value] if isinstance(value, list) else NULL if value is None else value


_FUNCTIONS: dict[str, tuple[Callable[..., object], str]] = {
    "string": (string, "<x-b?:s>"),
    "lowercase": (_lowercase, "<s-:s>"),
    "number": (_number, "<(nsb)-:n>"),
    "sum": (_sum, "<a<n>:n>"),
    "average": (_average, "<a<n>:n>"),
    "round": (_round, "<n-n?:n>"),
    "formatNumber": (_format_number, "<n-so?:s>"),
    "base64encode": (_base64encode, "<s-:s>"),
    "base64decode": (_base64decode, "<s-:s>"),
    "toMillis": (_to_millis, "<s-s?:n>"),
    "contains": (patterns.contains, "<s-(sf):b>"),
    "match": (patterns.match, "<s-f<s:o>n?:a<o>>"),
    "split": (patterns.split, "<s-(sf)n?:a<s>>"),
    "replace": (patterns.replace, "<s-(sf)(sf)n?:s>"),
    "distinct": (_distinct, "<x:x>"),
    "sort": (_sort, "<af?:a>"),
    "merge": (_merge, "<a<o>:o>"),
    "clone": (_clone, "<(oa)-:o>"),
}


class _Signature(Signature):  # type: ignore[misc]
    """Null is a value of its own; the port takes it for a missing one."""

    @classmethod
    def like(cls, other: Signature) -> _Signature:
        signature = cls.__new__(cls)
        signature.__dict__.update(other.__dict__)
        return signature

    def get_symbol(self, value: object) -> str:
        return "l" if value is NULL else str(super().get_symbol(value))


def _frame() -> object:
    frame = Jsonata.Frame(None)
    for name, function in Jsonata.static_frame.bindings.items():
        if name in _FUNCTIONS:
            implementation, signature = _FUNCTIONS[name]
            bound = Jsonata.JFunction(Jsonata.JLambda(implementation), signature)
        else:
            bound = copy.copy(function)
        bound.signature = _Signature.like(bound.signature)
        frame.bind(name, bound)
    return frame


_FRAME = _frame()
