"""Comparisons of Jinja, as Python makes them."""

from __future__ import annotations

from ductwork.ir.expressions import Call, Constant, Expr, Text
from ductwork.templates import values
from ductwork.templates.errors import NotSaidError
from ductwork.templates.values import Kind, Value, negated

# Operator: the function, whether its operands change places, whether its result is negated.
_ORDER = {
    "lt": ("less", False, False),
    "gt": ("less", True, False),
    "lteq": ("at_most", False, False),
    "gteq": ("at_most", True, False),
}
_NUMBERS = (Kind.NUMBER, Kind.TRUTH)
_SINGLE = (Kind.TEXT, Kind.NUMBER, Kind.TRUTH, Kind.NONE)


def compared(operator: str, left: Value, right: Value) -> Value:
    """A comparison by one of jinja2's operators."""
    if operator in ("eq", "ne"):
        asked = _same(left, right)
    elif operator in ("in", "notin"):
        asked = _among(left, right)
    else:
        function, swapped, _ = _ORDER[operator]
        asked = _ordered(function, right, left) if swapped else _ordered(function, left, right)
    return values.truth(negated(asked) if operator in ("ne", "notin") else asked)


def _same(left: Value, right: Value) -> Expr:
    if left.kind is right.kind and left.kind in (Kind.TEXT, Kind.NUMBER, Kind.TRUTH, Kind.DATE):
        return Call("same", (left.expr, right.expr))
    if left.kind in (*_SINGLE, Kind.DATA) and right.kind in (*_SINGLE, Kind.DATA):
        if Kind.DATA in (left.kind, right.kind) and left.kind is not right.kind:
            return Call("equal", (left.expr, right.expr) if left.kind is Kind.DATA else (right.expr, left.expr))
        if left.kind is not Kind.DATA and not (left.kind in _NUMBERS and right.kind in _NUMBERS):
            return Constant(False)
    raise NotSaidError("a comparison")


def _ordered(function: str, left: Value, right: Value) -> Expr:
    kinds = {left.kind, right.kind}
    if kinds == {Kind.TEXT}:
        # Languages differ in the order of other characters than these.
        if not (left.is_ascii or right.is_ascii):
            raise NotSaidError("an order of texts")
        return Call(function, (left.expr, right.expr))
    if kinds in ({Kind.NUMBER}, {Kind.NUMBER, Kind.DATA}):
        return Call(function, (_numeric(left), _numeric(right)))
    if kinds == {Kind.DATE}:
        return Call(function, (_micros(left), _micros(right)))
    raise NotSaidError("a comparison")


def _numeric(value: Value) -> Expr:
    return Call("numeric", (value.expr, Text(value.words))) if value.kind is Kind.DATA else value.expr


def _micros(date: Value) -> Expr:
    """A text that sorts as dates do: ``isoformat`` leaves out a fraction of zero."""
    return Call("strftime", (date.expr, Text("%Y%m%d%H%M%S%f")))


def _among(left: Value, right: Value) -> Expr:
    if right.kind is Kind.TEXT:
        return Call("contains", (right.expr, left.as_text()))
    if right.constant is not None and isinstance(right.constant[0], (list, tuple)):
        return _among_constants(left, right.constant[0])
    if right.kind is Kind.LIST and left.kind is Kind.TEXT:
        return Call("among", (left.expr, right.expr))
    if right.kind is Kind.DATA and left.kind is Kind.TEXT:
        return Call("within", (left.expr, right.expr, Text(right.words)))
    raise NotSaidError("a comparison")


def _among_constants(left: Value, items: list[object] | tuple[object, ...]) -> Expr:
    if left.kind is Kind.TEXT:
        return Call("among", (left.expr, Constant([item for item in items if isinstance(item, str)])))
    if left.kind is Kind.NUMBER and all(type(item) is int and abs(item) < values.MOST_NUMBER for item in items):
        return Call("among", (left.expr, Constant(list(items))))
    if left.kind is Kind.DATA and items and all(type(item) is str for item in items):
        return Call("among", (left.expr, Constant(list(items))))
    raise NotSaidError("a comparison")
