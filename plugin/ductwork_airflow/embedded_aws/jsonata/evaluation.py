"""How jsonata-python walks through an expression, with fewer steps on the way to the same value.

The port looks for callbacks in all frames of variables before and after each node, keeps what ``$eval`` would go on
with, and asks for a node's type up to eighteen times. Here no callback is ever set, and Step Functions has no
``$eval``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from jsonata import Jsonata
from jsonata.functions import Functions
from jsonata.utils import Utils

_OTHER = object()


class _Frame(Protocol):
    def lookup(self, name: str) -> object:
        """The value of a variable, the nearest frame's that has it."""


class _Node(Protocol):
    """What is read here of the port's ``Parser.Symbol``."""

    type: str | None
    value: object
    steps: Sequence[_Node]
    predicate: Sequence[_Node] | None
    expr: _Node
    group: _Node | None
    slot: _Node
    label: str
    stages: Sequence[_Node] | None
    tuple: object
    focus: object
    consarray: bool
    keep_array: bool
    keep_singleton_array: bool


class DirectJsonata(Jsonata):  # type: ignore[misc]
    """An expression that is evaluated without ways round."""

    def eval(self, expr: _Node | None, input: object, environment: _Frame) -> object:
        """The value of a node; None if it is nothing."""
        if expr is None:
            return None
        kind = expr.type
        evaluate = _BY_TYPE.get(kind)
        result = None if evaluate is None else evaluate(self, expr, input, environment)
        for predicate in expr.predicate or ():
            result = self.evaluate_filter(predicate.expr, result, environment)
        if expr.group is not None and kind != "path":
            result = self.evaluate_group_expression(expr.group, result, environment)
        if not isinstance(result, Utils.JList) or not result.sequence or result.tuple_stream:
            return result
        if expr.keep_array:
            result.keep_singleton = True
        if not result:
            return None
        return result[0] if len(result) == 1 and not result.keep_singleton else result

    def evaluate_path(self, expr: _Node, input: object, environment: _Frame) -> object:
        """The value of a path. One of names alone, through objects alone, needs no sequences between them."""
        found = _of_names(expr, input, environment)
        return super().evaluate_path(expr, input, environment) if found is _OTHER else found


def _of_names(path: _Node, input: object, environment: _Frame) -> object:
    """What names lead to, from a variable or from ``input``; :data:`_OTHER` if there is more to the path."""
    if path.keep_array or path.keep_singleton_array or path.tuple is not None or path.group is not None:
        return _OTHER
    value, steps = input, path.steps
    if steps[0].type == "variable" and steps[0].value and _is_plain(steps[0]):
        value, steps = environment.lookup(str(steps[0].value)), steps[1:]
    for step in steps:
        if isinstance(value, list) or step.type != "name" or not _is_plain(step):
            return _OTHER
        value = Functions.lookup(value, str(step.value))
    return _OTHER if isinstance(value, list) and type(value) is not list else value


def _is_plain(step: _Node) -> bool:
    more = (step.tuple, step.focus, step.stages, step.predicate, step.group)
    return more == (None,) * 5 and not step.consarray and not step.keep_array


_BY_TYPE: dict[str | None, Callable[..., object]] = {
    "path": lambda this, *given: this.evaluate_path(*given),
    "binary": Jsonata.evaluate_binary,
    "unary": Jsonata.evaluate_unary,
    "name": Jsonata.evaluate_name,
    "string": lambda this, expr, *_: this.evaluate_literal(expr),
    "number": lambda this, expr, *_: this.evaluate_literal(expr),
    "value": lambda this, expr, *_: this.evaluate_literal(expr),
    "wildcard": lambda this, expr, input, _: this.evaluate_wildcard(expr, input),
    "descendant": lambda this, expr, input, _: this.evaluate_descendants(expr, input),
    "parent": lambda this, expr, _, environment: environment.lookup(expr.slot.label),
    "condition": Jsonata.evaluate_condition,
    "block": Jsonata.evaluate_block,
    "bind": Jsonata.evaluate_bind_expression,
    "regex": lambda this, expr, *_: this.evaluate_regex(expr),
    "function": lambda this, *given: this.evaluate_function(*given, Utils.NONE),
    "variable": Jsonata.evaluate_variable,
    "lambda": Jsonata.evaluate_lambda,
    "partial": Jsonata.evaluate_partial_application,
    "apply": Jsonata.evaluate_apply_expression,
    "transform": Jsonata.evaluate_transform_expression,
}
