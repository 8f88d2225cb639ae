"""Methods and filters of texts, lists and data, as Python and Jinja have them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from ductwork.ir.expressions import Call, Choose, Constant, Expr, Text
from ductwork.templates import dates, values
from ductwork.templates.errors import NotSaidError
from ductwork.templates.values import Kind, Member, Value, negated

Arguments = Sequence[Value]
Named = Mapping[str, Value]
Method = Callable[[Value, Arguments, Named], Value]


def known_text(value: Value) -> str:
    """A text that the template itself has, and that is not empty."""
    text = value.constant[0] if value.constant else None
    if isinstance(text, str) and text:
        return text
    raise NotSaidError("a text that is not in the template")


def _bound(names: str, arguments: Arguments, named: Named, *, least: int = 0) -> dict[str, Value]:
    """Arguments by their names."""
    order = names.split()
    given = dict(zip(order, arguments, strict=False)) | dict(named)
    if len(arguments) > len(order) or set(given) - set(order) or len(given) != len(arguments) + len(named):
        raise NotSaidError()
    if not set(order[:least]) <= set(given):
        raise NotSaidError()
    return given


def _of_text(function: str) -> Method:
    """A method without arguments that gives text."""

    def call(owner: Value, arguments: Arguments, named: Named) -> Value:
        _bound("", arguments, named)
        return values.text(Call(function, (owner.as_text(),)), is_ascii=owner.is_ascii)

    return call


def _strip(mode: str) -> Method:
    def call(owner: Value, arguments: Arguments, named: Named) -> Value:
        _bound("", arguments, named)
        return values.text(Call("strip", (owner.as_text(), Text(mode))), is_ascii=owner.is_ascii)

    return call


def _replace(owner: Value, arguments: Arguments, named: Named) -> Value:
    given = _bound("old new", arguments, named, least=2)
    old, new = known_text(given["old"]), given["new"].as_text()
    is_ascii = owner.is_ascii and given["new"].is_ascii
    return values.text(Call("replace", (owner.as_text(), Text(old), new)), is_ascii=is_ascii)


def _split(owner: Value, arguments: Arguments, named: Named) -> Value:
    given = _bound("sep", arguments, named, least=1)
    return Value(Kind.LIST, Call("split", (owner.as_text(), Text(known_text(given["sep"])))))


def _asks(function: str) -> Method:
    def call(owner: Value, arguments: Arguments, named: Named) -> Value:
        given = _bound("text", arguments, named, least=1)
        return values.truth(Call(function, (owner.as_text(), given["text"].as_text())))

    return call


def _join_of(owner: Value, arguments: Arguments, named: Named) -> Value:
    """``separator.join(list)``, which raises where an item is no text."""
    given = _bound("items", arguments, named, least=1)
    if given["items"].kind is not Kind.LIST:
        raise NotSaidError()
    return values.text(Call("joined", (given["items"].data, owner.as_text())))


def _get(owner: Value, arguments: Arguments, named: Named) -> Value:
    """``dictionary.get(name, otherwise)``"""
    given = _bound("name otherwise", arguments, named, least=1)
    if owner.kind is not Kind.DATA:
        raise NotSaidError()
    otherwise = given["otherwise"].data if "otherwise" in given else Constant(None)
    name = given["name"]
    if name.kind is not Kind.TEXT:
        raise NotSaidError()
    return values.data(Call("get", (owner.expr, name.expr, otherwise, Text(owner.words))))


def _zfill(owner: Value, arguments: Arguments, named: Named) -> Value:
    given = _bound("width", arguments, named, least=1)
    if owner.kind is not Kind.TEXT or not owner.is_ascii or given["width"].kind is not Kind.NUMBER:
        raise NotSaidError()
    return values.text(Call("zfill", (owner.expr, given["width"].expr)), is_ascii=True)


METHODS: dict[str, Method] = {
    "upper": _of_text("upper"),
    "lower": _of_text("lower"),
    "strip": _strip("both"),
    "lstrip": _strip("left"),
    "rstrip": _strip("right"),
    "replace": _replace,
    "split": _split,
    "startswith": _asks("starts"),
    "endswith": _asks("ends"),
    "join": _join_of,
    "get": _get,
    "zfill": _zfill,
}


# ---- filters ----


def _on_text(method: Method) -> Method:
    """A filter that first makes a text of what it is given."""
    return lambda owner, arguments, named: method(
        values.text(owner.text, is_ascii=owner.is_ascii or owner.kind in (Kind.NUMBER, Kind.DATE)), arguments, named
    )


def _default(owner: Value, arguments: Arguments, named: Named) -> Value:
    given = _bound("default_value boolean", arguments, named)
    otherwise = given.get("default_value", values.constant(""))
    falsy = given["boolean"].constant if "boolean" in given else (False,)
    if falsy is None:
        raise NotSaidError()
    found = owner
    if owner.member is not None:
        if owner.member.required:
            return owner
        found = values.data(found_or(owner.member, otherwise.data))
    elif owner.unsure:
        raise NotSaidError()
    if not falsy[0]:
        return found
    return either(found, otherwise)


def found_or(member: Member, otherwise: Expr) -> Expr:
    """A member, or what stands for it where there is none."""
    return Call("item_or" if member.is_item else "member_or", (member.owner, member.name, otherwise))


def either(first: Value, second: Value) -> Value:
    """``first or second``"""
    return chosen(first.truth, first, second)


# Types of which nothing but the value matters.
_ALIKE = {Kind.TEXT, Kind.NUMBER, Kind.TRUTH, Kind.NONE, Kind.DATE}


def chosen(test: Expr, then: Value, otherwise: Value) -> Value:
    """``then if test else otherwise``, of types that go together."""
    unsure = then.may_lack or otherwise.may_lack
    if then.kind is otherwise.kind and then.kind in _ALIKE:
        is_day, is_ascii = then.is_day and otherwise.is_day, then.is_ascii and otherwise.is_ascii
        expr = Choose(test, then.expr, otherwise.expr)
        return Value(then.kind, expr, unsure=unsure, is_day=is_day, is_ascii=is_ascii)
    return Value(Kind.DATA, Choose(test, then.data, otherwise.data), unsure=unsure)


def _join(owner: Value, arguments: Arguments, named: Named) -> Value:
    """Items of any type."""
    given = _bound("d attribute", arguments, named)
    if "attribute" in given:
        raise NotSaidError()
    separator = given["d"].text if "d" in given else Text("")
    return values.text(Call("joined", (_entries(owner), separator)))


def _entries(owner: Value) -> Expr:
    """What a loop goes through."""
    if owner.kind is Kind.LIST:
        return owner.expr
    if owner.kind in (Kind.DATA, Kind.TEXT):
        return Call("entries", (owner.data, Text(owner.words)))
    raise NotSaidError()


def entries(owner: Value) -> Expr:
    """The items of a list, the names of a dictionary, the characters of a text."""
    return _entries(owner)


def _end(number: int) -> Method:
    def call(owner: Value, arguments: Arguments, named: Named) -> Value:
        _bound("", arguments, named)
        return values.item(_entries(owner), Constant(number), owner.words)

    return call


def _length(owner: Value, arguments: Arguments, named: Named) -> Value:
    _bound("", arguments, named)
    if owner.kind is Kind.TEXT:
        return values.number(Call("length", (owner.expr,)))
    return values.number(Call("size", (owner.data, Text(owner.words))))


def _int(owner: Value, arguments: Arguments, named: Named) -> Value:
    given = _bound("default", arguments, named)
    otherwise = given.get("default", values.constant(0))
    if owner.kind is Kind.NUMBER:
        return owner
    if otherwise.kind is not Kind.NUMBER:
        raise NotSaidError()
    return values.number(Call("whole", (owner.data, otherwise.expr)))


def _string(owner: Value, arguments: Arguments, named: Named) -> Value:
    _bound("", arguments, named)
    return values.text(owner.text, is_day=owner.is_day, is_ascii=owner.is_ascii or owner.kind is Kind.NUMBER)


def _tojson(owner: Value, arguments: Arguments, named: Named) -> Value:
    _bound("", arguments, named)
    return values.text(Call("json", (owner.data,)), is_ascii=True)


def _list(owner: Value, arguments: Arguments, named: Named) -> Value:
    _bound("", arguments, named)
    return Value(Kind.LIST, _entries(owner))


def _airflows(make: Callable[[Value], Value]) -> Method:
    """A filter of Airflow's; it takes a date, or None, which stays None."""

    def call(owner: Value, arguments: Arguments, named: Named) -> Value:
        _bound("", arguments, named)
        if owner.kind is not Kind.DATE:
            raise NotSaidError()
        return make(owner)

    return call


# What is formatted in a text: a text, a whole number, maybe with zeros in front; anything else is not lowered.
_PLACE = re.compile(r"%(?:(?P<percent>%)|(?P<text>s)|0(?P<width>[1-9])d|(?P<number>d)|)")


def formatted(picture: str, arguments: Arguments) -> Value:
    """``picture % arguments``"""
    parts: list[Expr] = []
    at, waiting = 0, list(arguments)
    for place in _PLACE.finditer(picture):
        parts += [Text(picture[at : place.start()]), _placed(place, waiting)]
        at = place.end()
    if waiting:
        raise NotSaidError("a format with fewer places")
    return values.text(values.joined([*parts, Text(picture[at:])]))


def _placed(place: re.Match[str], waiting: list[Value]) -> Expr:
    if place["percent"]:
        return Text("%")
    if not waiting or place[0] == "%":
        raise NotSaidError("such a format")
    value = waiting.pop(0)
    if place["text"]:
        return value.text
    if value.kind is not Kind.NUMBER:
        raise NotSaidError("%d of what may be no whole number")
    return Call("zfill", (value.text, Constant(int(place["width"])))) if place["width"] else value.text


def _format(owner: Value, arguments: Arguments, named: Named) -> Value:
    if named:
        raise NotSaidError()
    return formatted(known_text(owner), arguments)


FILTERS: dict[str, Method] = {
    "upper": _on_text(METHODS["upper"]),
    "lower": _on_text(METHODS["lower"]),
    "trim": _on_text(METHODS["strip"]),
    "replace": _on_text(_replace),
    "string": _string,
    "default": _default,
    "d": _default,
    "join": _join,
    "first": _end(0),
    "last": _end(-1),
    "length": _length,
    "count": _length,
    "int": _int,
    "tojson": _tojson,
    "list": _list,
    "format": _format,
    **{name: _airflows(make) for name, make in dates.FILTERS.items()},
}


# ---- tests ----


def is_defined(owner: Value) -> Value:
    """``owner is defined``, of a name, or of what may be missing in data"""
    if owner.unsure or (owner.member is not None and owner.member.required):
        raise NotSaidError()
    if owner.member is None:
        return values.truth(Constant(True))
    asked = "has_item" if owner.member.is_item else "has"
    return values.truth(Call(asked, (owner.member.owner, owner.member.name)))


def is_none(owner: Value) -> Value:
    """``owner is none``"""
    if owner.kind is Kind.DATA:
        return values.truth(Call("equal", (owner.expr, Constant(None))))
    return values.truth(Constant(owner.kind is Kind.NONE))


def is_not(asked: Value) -> Value:
    """The opposite of a truth value."""
    return values.truth(negated(asked.truth))
