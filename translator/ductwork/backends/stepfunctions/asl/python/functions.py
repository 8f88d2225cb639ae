"""The functions of :data:`ductwork.ir.functions.FUNCTIONS` in JSONata."""

from __future__ import annotations

from collections.abc import Callable

from ductwork.backends.stepfunctions.asl.nodes import (
    Literal,
    Node,
    Regex,
    array,
    call,
    either,
    every,
    exists,
    lifted,
    merged,
    negated,
    when,
)
from ductwork.backends.stepfunctions.asl.python import dates
from ductwork.backends.stepfunctions.asl.python.helpers import failure


def _slice(text: Node, first: Node, last: Node) -> Node:
    assert isinstance(first, Literal)
    assert isinstance(last, Literal)
    start, end = first.value or 0, last.value
    assert isinstance(start, int)
    assert end is None or isinstance(end, int)
    if end is None:
        return call("substring", text, start)
    size = call("length", text)
    begin = lifted(start) if start >= 0 else call("max", array(size + start, 0))
    until = lifted(end) if end >= 0 else size + end
    count = lifted(end - start) if start >= 0 and end >= 0 else until - begin
    # A count below zero is none.
    return call("substring", text, begin, count if start >= 0 and end >= start else call("max", array(count, 0)))


def _ends(text: Node, end: Node) -> Node:
    size = call("length", end)
    tail = call("substring", text, call("length", text) - size)
    return when(call("length", text) < size, False, when(size.equals(0), True, tail.equals(end)))


def _unreferenced(text: Node) -> Node:
    # JSONata's scanner counts parentheses in a class, too.
    found = call("contains", text, Regex(r"[$][$\x28]"))
    return when(found, failure("a state machine cannot tell what Kubernetes makes of ", text), text)


def _same_call(function: str) -> Callable[..., Node]:
    """A helper, or a function of JSONata's, that takes the same arguments."""
    return lambda *arguments: call(function, *arguments)


NODES: dict[str, Callable[..., Node]] = {
    "text": _same_call("text"),
    "digits": _same_call("digits"),
    "json": _same_call("json"),
    "truth": _same_call("truth"),
    "member": _same_call("member"),
    "get": _same_call("get"),
    "member_or": _same_call("member_or"),
    "item": _same_call("item"),
    "item_or": _same_call("item_or"),
    "part": _same_call("part"),
    "has": lambda owner, name: exists(call("found", owner, name)),
    "has_item": lambda owner, number: exists(call("placed", owner, number)),
    "entries": _same_call("entries"),
    "names": _same_call("names"),
    "size": _same_call("size"),
    "equal": lambda value, other: call("scalar", value).equals(call("scalar", other)),
    "numeric": _same_call("numeric"),
    "contains": lambda text, part: either(part.equals(""), call("contains", text, part)),
    "among": lambda value, items: value.is_in(items),
    "within": _same_call("within"),
    "whole": _same_call("whole"),
    "joined": _same_call("joined"),
    "params": lambda defaults, conf: merged(defaults, conf),
    "typed": _same_call("typed"),
    "upper": _same_call("uppercase"),
    "lower": _same_call("lowercase"),
    "strip": _same_call("strip"),
    "replace": _same_call("replace"),
    "slice": _slice,
    "split": _same_call("split"),
    "starts": lambda text, start: call("substring", text, 0, call("length", start)).equals(start),
    "ends": _ends,
    "zfill": _same_call("zfill"),
    "length": _same_call("length"),
    "unreferenced": _unreferenced,
    "not": negated,
    "and": every,
    "or": either,
    "same": lambda left, right: left.equals(right),
    "less": lambda left, right: left < right,
    "at_most": lambda left, right: left <= right,
    "add": lambda left, right: left + right,
    "subtract": lambda left, right: left - right,
    "multiply": lambda left, right: left * right,
    "divide": _same_call("quotient"),
    "modulo": lambda left, right: left - call("quotient", left, right) * right,
    **dates.NODES,
}
