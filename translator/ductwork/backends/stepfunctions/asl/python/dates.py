"""Dates in JSONata: texts as ``isoformat()`` writes them in UTC, to the microsecond."""

from __future__ import annotations

import re
from collections.abc import Callable

from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Lambda,
    Literal,
    Node,
    Variable,
    array,
    call,
    either,
    every,
    joined,
    lifted,
    negated,
    text_of,
    when,
)

_V, _K = Variable("v"), Variable("k")

# ---- functions that an expression defines in front ----


def _millis(date: Node) -> Node:
    return call("toMillis", call("substring", date, 0, 19) & "Z")


def _later() -> Node:
    """So many seconds; fractions of a second stay as they are."""
    moment = call("fromMillis", _millis(_V) + _K * 1000)
    return Lambda((_V, _K), call("substring", moment, 0, 19) & call("substring", _V, 19))


def _months_later() -> Node:
    count, year, month, day, most = map(Variable, ("all", "year", "month", "day", "most"))
    parts = [call("number", call("substring", _V, *at)) for at in ((0, 4), (5, 2), (8, 2))]

    def divides(number: int) -> Node:
        return call("floor", year / number).equals(year / number)

    february = when(either(every(divides(4), negated(divides(100))), divides(400)), 29, 28)
    lengths = array(31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

    def padded(number: Node, digits: int) -> Node:
        return call("pad", text_of(number), -digits, "0")

    return Lambda(
        (_V, _K),
        Block(
            (
                Bind(count, parts[0] * 12 + parts[1] - 1 + _K),
                Bind(year, call("floor", count / 12)),
                Bind(month, count - year * 12),
                Bind(most, lengths.at(month)),
                Bind(day, when(parts[2] < most, parts[2], most)),
                joined(padded(year, 4), "-", padded(month + 1, 2), "-", padded(day, 2), call("substring", _V, 10)),
            )
        ),
    )


def _weekday() -> Node:
    """Counted from zero, which is Sunday."""
    days = Variable("days")
    counted = Bind(days, call("floor", _millis(_V) / 86_400_000) + 4)
    return Lambda((_V,), Block((counted, days - call("floor", days / 7) * 7)))


def _year_day() -> Node:
    first = call("toMillis", call("substring", _V, 0, 4) & "-01-01T00:00:00Z")
    return Lambda((_V,), call("floor", (_millis(_V) - first) / 86_400_000) + 1)


def _micros() -> Node:
    """Six digits; where there is no fraction, nothing stands between the seconds and the zone."""
    fraction = call("substring", _V, 20, call("length", _V) - 26)
    return Lambda(
        (_V,),
        when(call("length", _V) > 25, call("substring", fraction & "000000", 0, 6), "000000"),
    )


HELPERS: dict[str, Callable[[], Node]] = {
    "later": _later,
    "months_later": _months_later,
    "weekday": _weekday,
    "year_day": _year_day,
    "micros": _micros,
}

# ---- what is called ----


def _part(date: Node, start: int, length: int) -> Node:
    return call("substring", date, start, length)


def _number(text: Node) -> Node:
    return call("number", text)


def _padded(number: Node, digits: int) -> Node:
    return call("pad", call("string", number), -digits, "0")


def _hour_of_12(date: Node) -> Node:
    hour = _number(_part(date, 11, 2))
    return lifted([12, *range(1, 12), 12, *range(1, 12)]).at(hour)


def _name(names: list[str], number: Node, length: int | None = None) -> Node:
    return lifted([name[:length] for name in names]).at(number)


_DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October"]
_MONTHS += ["November", "December"]

_Directive = Callable[[Node], Node]
# Directives that are numbers.
_NUMBERS: dict[str, _Directive] = {
    "Y": lambda date: _number(_part(date, 0, 4)),
    "m": lambda date: _number(_part(date, 5, 2)),
    "d": lambda date: _number(_part(date, 8, 2)),
    "H": lambda date: _number(_part(date, 11, 2)),
    "M": lambda date: _number(_part(date, 14, 2)),
    "S": lambda date: _number(_part(date, 17, 2)),
    "f": lambda date: _number(call("micros", date)),
    "j": lambda date: call("year_day", date),
    "I": _hour_of_12,
    "u": lambda date: when(call("weekday", date).equals(0), 7, call("weekday", date)),
}
_TEXTS: dict[str, _Directive] = {
    "Y": lambda date: _part(date, 0, 4),
    "m": lambda date: _part(date, 5, 2),
    "d": lambda date: _part(date, 8, 2),
    "H": lambda date: _part(date, 11, 2),
    "M": lambda date: _part(date, 14, 2),
    "S": lambda date: _part(date, 17, 2),
    "f": lambda date: call("micros", date),
    "j": lambda date: _padded(call("year_day", date), 3),
    "y": lambda date: _part(date, 2, 2),
    "b": lambda date: _name(_MONTHS, _NUMBERS["m"](date) - 1, 3),
    "B": lambda date: _name(_MONTHS, _NUMBERS["m"](date) - 1),
    "a": lambda date: _name(_DAYS, call("weekday", date), 3),
    "A": lambda date: _name(_DAYS, call("weekday", date)),
    "p": lambda date: when(_NUMBERS["H"](date) < 12, "AM", "PM"),
    "I": lambda date: _padded(_hour_of_12(date), 2),
    "F": lambda date: _part(date, 0, 10),
    "T": lambda date: _part(date, 11, 8),
    "D": lambda date: joined(_part(date, 5, 2), "/", _part(date, 8, 2), "/", _part(date, 2, 2)),
    "u": lambda date: call("string", _NUMBERS["u"](date)),
    "z": lambda date: Literal("+0000"),
    "Z": lambda date: Literal("UTC"),
    "%": lambda date: Literal("%"),
    **{f"-{name}": lambda date, name=name: call("string", _NUMBERS[name](date)) for name in "dmHMSIj"},  # type: ignore[misc]
}
DIRECTIVES = frozenset(_TEXTS)


def _strftime(date: Node, picture: Node) -> Node:
    parts: list[Node] = []
    for literal, directive in re.findall(r"([^%]+)|%(-?.)", _constant(picture)):
        parts.append(Literal(literal) if literal else _TEXTS[directive](date))
    return joined(*parts)


def _constant(node: Node) -> str:
    assert isinstance(node, Literal)
    assert isinstance(node.value, str)
    return node.value


def _with_part(date: Node, directive: Node, digits: Node) -> Node:
    at = {"d": 8, "H": 11, "M": 14, "S": 17}[_constant(directive)]
    return joined(_part(date, 0, at), digits, call("substring", date, at + 2))


NODES: dict[str, Callable[..., Node]] = {
    "plus": lambda date, seconds: call("later", date, seconds),
    "plus_months": lambda date, months: call("months_later", date, months),
    "with_part": _with_part,
    "whole_second": lambda date: joined(_part(date, 0, 19), "+00:00"),
    "strftime": _strftime,
    "number_of": lambda date, directive: _NUMBERS[_constant(directive)](date),
    "date_text": lambda date: joined(_part(date, 0, 10), " ", call("substring", date, 11)),
}
