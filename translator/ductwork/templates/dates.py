"""Dates in templates: their attributes and methods, and formats."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from ductwork.ir.expressions import Call, Constant, Text
from ductwork.ir.functions import DIRECTIVES
from ductwork.templates import values
from ductwork.templates.errors import NotSaidError
from ductwork.templates.values import Kind, Value

# Attributes, by the directive of strftime that is the same number.
_PARTS = {
    "year": "Y",
    "month": "m",
    "day": "d",
    "hour": "H",
    "minute": "M",
    "second": "S",
    "microsecond": "f",
    "day_of_year": "j",
}
_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
_MONTHS = {"years": 12, "months": 1}
_REPLACED = {"day": ("d", 1, 28), "hour": ("H", 0, 23), "minute": ("M", 0, 59), "second": ("S", 0, 59)}
_DAY = "%Y-%m-%d"
# Years, and so many seconds, that no date of a run leaves.
_MOST_SECONDS = 86_400 * 366 * 500

# What Python's own dates have, too.
PYTHON_ATTRIBUTES = {*_PARTS, "replace", "strftime", "isoformat", "isoweekday"} - {"day_of_year"}

Arguments = Sequence[Value]
Named = Mapping[str, Value]


def part(date: Value, attribute: str) -> Value:
    """An attribute of a date."""
    if attribute not in _PARTS or (date.name and attribute not in PYTHON_ATTRIBUTES):
        raise NotSaidError()
    return values.number(Call("number_of", (date.expr, Text(_PARTS[attribute]))))


def formatted(date: Value, picture: str) -> Value:
    """``date.strftime(picture)``.

    :raises NotSaidError: a directive that the expression language has no exact word for
    """
    for directive in re.findall(r"%(-?.|$)", picture):
        if directive not in DIRECTIVES:
            raise NotSaidError(f"strftime's %{directive}")
    if not picture.isascii():
        raise NotSaidError("a format of other letters")
    is_day = picture in (_DAY, "%F")
    return values.text(Call("strftime", (date.expr, Text(picture))), is_day=is_day, is_ascii=True)


def iso(date: Value) -> Value:
    """``date.isoformat()``"""
    return values.text(date.expr, is_ascii=True)


def without(date: Value, *parts: str) -> Value:
    """``date.isoformat()`` without some characters."""
    expr = date.expr
    for each in parts:
        expr = Call("replace", (expr, Text(each), Text("")))
    return values.text(expr, is_ascii=True)


def of_day(day: Value) -> Value:
    """A text like 2026-01-31 as a date."""
    if not day.is_day:
        raise NotSaidError(f"{day.words or 'a text'} as a date")
    return values.date(values.joined([day.expr, Text("T00:00:00+00:00")]))


def later(date: Value, seconds: int) -> Value:
    """A date so many seconds later, or earlier."""
    if abs(seconds) > _MOST_SECONDS:
        raise NotSaidError("so long a duration")
    return values.date(Call("plus", (date.expr, Constant(seconds)))) if seconds else date


def span(arguments: Arguments, named: Named) -> Value:
    """``timedelta(...)`` of constants that are whole seconds."""
    names = [*("days", "seconds"), *named] if arguments else [*named]
    given = dict(zip(("days", "seconds"), arguments, strict=False)) | dict(named)
    if len(arguments) > 2 or set(names) - set(_SECONDS) or len(given) != len(arguments) + len(named):
        raise NotSaidError("such a timedelta")
    total = sum(_SECONDS[name] * _whole(value) for name, value in given.items())
    return Value(Kind.SPAN, Constant(total))


def _whole(value: Value) -> int:
    known = value.constant[0] if value.constant else None
    if isinstance(known, int) and not isinstance(known, bool):
        return known
    raise NotSaidError("a duration that is no whole number in the template")


def _moved(sign: int) -> Callable[[Value, Arguments, Named], Value]:
    """Pendulum's ``add`` and ``subtract``: years and months first."""

    def move(date: Value, arguments: Arguments, named: Named) -> Value:
        names = ("years", "months", "weeks", "days", "hours", "minutes", "seconds")
        if set(named) - set(names) or len(arguments) > len(names):
            raise NotSaidError("such a duration")
        given = {name: sign * _whole(value) for name, value in (*zip(names, arguments, strict=False), *named.items())}
        months = sum(given.get(name, 0) * factor for name, factor in _MONTHS.items())
        seconds = sum(given.get(name, 0) * factor for name, factor in _SECONDS.items())
        if abs(months) > 12 * 500:
            raise NotSaidError("so long a duration")
        moved = values.date(Call("plus_months", (date.expr, Constant(months)))) if months else date
        return later(moved, seconds)

    return move


def _replaced(date: Value, arguments: Arguments, named: Named) -> Value:
    if arguments:
        raise NotSaidError()
    for name, value in named.items():
        number = _whole(value)
        if name == "microsecond" and number == 0:
            date = values.date(Call("whole_second", (date.expr,)))
            continue
        directive, least, most = _REPLACED.get(name, ("", 0, -1))
        if not least <= number <= most:
            raise NotSaidError(f"replace({name}=...)")
        date = values.date(Call("with_part", (date.expr, Text(directive), Text(f"{number:02}"))))
    return date


def _strftime(date: Value, arguments: Arguments, named: Named) -> Value:
    if named or len(arguments) != 1 or not arguments[0].constant:
        raise NotSaidError()
    return formatted(date, str(arguments[0].constant[0]))


def _plain(make: Callable[[Value], Value]) -> Callable[[Value, Arguments, Named], Value]:
    """A method without arguments."""

    def called(date: Value, arguments: Arguments, named: Named) -> Value:
        if arguments or named:
            raise NotSaidError()
        return make(date)

    return called


METHODS: dict[str, Callable[[Value, Arguments, Named], Value]] = {
    "add": _moved(1),
    "subtract": _moved(-1),
    "replace": _replaced,
    "strftime": _strftime,
    "isoformat": _plain(iso),
    "to_iso8601_string": _plain(lambda date: values.text(Call("replace", (date.expr, Text("+00:00"), Text("Z"))))),
    "to_date_string": _plain(lambda date: formatted(date, _DAY)),
    "to_datetime_string": _plain(lambda date: formatted(date, "%Y-%m-%d %H:%M:%S")),
    "to_time_string": _plain(lambda date: formatted(date, "%H:%M:%S")),
    "isoweekday": _plain(lambda date: values.number(Call("number_of", (date.expr, Text("u"))))),
}
# Filters of Airflow's that take dates.
FILTERS: dict[str, Callable[[Value], Value]] = {
    "ds": lambda date: formatted(date, _DAY),
    "ds_nodash": lambda date: formatted(date, "%Y%m%d"),
    "ts": iso,
    "ts_nodash": lambda date: formatted(date, "%Y%m%dT%H%M%S"),
    "ts_nodash_with_tz": lambda date: without(date, "-", ":"),
}


def ds_add(arguments: Arguments, named: Named) -> Value:
    """``macros.ds_add(ds, days)``"""
    given = dict(zip(("ds", "days"), arguments, strict=False)) | dict(named)
    if set(given) != {"ds", "days"}:
        raise NotSaidError()
    return formatted(later(of_day(given["ds"]), 86_400 * _whole(given["days"])), _DAY)


def ds_format(arguments: Arguments, named: Named) -> Value:
    """``macros.ds_format(ds, input_format, output_format)`` of a day."""
    names = ("ds", "input_format", "output_format")
    given = dict(zip(names, arguments, strict=False)) | dict(named)
    if set(given) != set(names) or given["input_format"].constant != (_DAY,) or not given["output_format"].constant:
        raise NotSaidError()
    return formatted(of_day(given["ds"]), str(given["output_format"].constant[0]))
