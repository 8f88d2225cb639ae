"""How expressions are written down: the one place that knows JSONata's syntax and what Step Functions asks of it.

It decides on parentheses and quotes, marks expressions (``{% … %}`` at the very ends of a string), keeps chains of an
operator from nesting deeper than an evaluation may, and refuses an expression that may give nothing, for that fails
the state.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from ductwork.backends.stepfunctions.asl.nodes import (
    Array,
    Bind,
    Block,
    Call,
    Conditional,
    Descendants,
    Filter,
    Grouped,
    Lambda,
    Literal,
    Name,
    Node,
    Object,
    Operation,
    Range,
    Regex,
    Step,
    Value,
    Variable,
    Wildcard,
)

# Step Functions evaluates about 100 levels; an operator between many operands takes one for each.
MOST_LEVELS = 100
_CHAINED = 8

_OPERATORS = {"or": 25, "and": 30, "&": 50, "+": 50, "-": 50, "*": 60, "/": 60} | dict.fromkeys(
    ("=", "!=", "<", "<=", ">", ">=", "in"), 40
)
_STATEMENT, _CONDITIONAL, _PATH = 0, 20, 75

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYWORDS = {"and", "or", "in", "true", "false", "null", "function"}
_OPEN, _CLOSE = "{%", "%}"


class Printed(dict[str, object]):
    """What has been printed already, which :func:`printed` leaves as it is."""


# Any: JSON, nested, which callers index.
def printed(value: Value) -> Any:
    """JSON of which every node is written as a marked expression, and every text that looks like one as a literal.

    :raises ValueError: for an expression that Step Functions could not evaluate
    """
    kind = type(value)
    if kind is str:
        assert isinstance(value, str)
        looks_marked = value.startswith(_OPEN) and value.endswith(_CLOSE)
        return marked(Literal(value)) if looks_marked else value
    if kind is Printed:
        return value
    if isinstance(value, Node):
        return marked(value)
    if isinstance(value, dict):
        return {key: printed(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [printed(inner) for inner in value]
    return value


def marked(node: Node) -> str:
    """The expression as a value of a state."""
    if isinstance(node, Conditional) and node.otherwise is None:
        raise ValueError(f"{code(node)} gives nothing where its condition does not hold")
    return f"{_OPEN} {code(node)} {_CLOSE}"


def code(node: Node) -> str:
    """The expression alone.

    :raises ValueError: if it is nested too deeply
    """
    return _text(node, _STATEMENT, 1)


def _text(node: Node, above: int, level: int) -> str:
    """The text of a node at its place within another.

    :param above: how strongly what is around binds: what binds less needs parentheses
    :param level: of nesting
    """
    if level > MOST_LEVELS:
        raise ValueError(f"an expression is nested deeper than {MOST_LEVELS} levels")
    return _PRINTERS[type(node)](node, above, level)


def _list(nodes: Iterable[Node], level: int) -> str:
    return ",".join(_text(node, _STATEMENT, level + 1) for node in nodes)


def _literal(node: Literal, above: int, level: int) -> str:
    return quoted(node.value) if isinstance(node.value, str) else json.dumps(node.value)


@lru_cache(maxsize=10_000)
def quoted(text: str) -> str:
    """JSONata knows only JSON's escapes, so a text with an apostrophe takes double quotes."""
    with_quotes = json.dumps(text, ensure_ascii=False)
    return with_quotes if "'" in text else "'" + with_quotes[1:-1].replace('\\"', '"') + "'"


@lru_cache(maxsize=10_000)
def _named(name: str) -> str:
    plain = _PLAIN_NAME.fullmatch(name) and name not in _KEYWORDS
    return name if plain else f"`{name}`"


def _step(node: Step, above: int, level: int) -> str:
    # However long a path is, it is one level.
    steps: list[str] = []
    left: Node = node
    while isinstance(left, Step):
        right = left.right
        steps.append(_named(right.name) if isinstance(right, Name) else _text(right, _PATH + 1, level + 1))
        left = left.left
    return ".".join([_text(left, _PATH, level), *reversed(steps)])


def _filter(node: Filter, above: int, level: int) -> str:
    return f"{_text(node.left, _PATH, level)}[{_tight(node.condition, level)}]"


def _tight(node: Node, level: int) -> str:
    """Where a block has its parentheses close around it."""
    return _block(node, _PATH, level + 1) if isinstance(node, Block) else _text(node, _STATEMENT, level + 1)


def _grouped(node: Grouped, above: int, level: int) -> str:
    left = _text(node.left, _PATH, level + 1)
    return f"{left}{{{_list([node.key], level)}:{_list([node.value], level)}}}"


def _operation(node: Operation, above: int, level: int) -> str:
    operator, operands = node.operator, node.operands
    if len(operands) > _CHAINED:
        if operator == "&":
            return _text(Call("join", (Array(operands),)), above, level)
        parts = [operands[at : at + _CHAINED] for at in range(0, len(operands), _CHAINED)]
        chains = tuple(Operation(operator, part) if len(part) > 1 else part[0] for part in parts)
        return _text(Operation(operator, chains), above, level)
    binds = _OPERATORS[operator]
    last = len(operands) - 1
    texts = [
        # The first operand is in as many operations as there are operators.
        _text(operand, binds + (number > 0), level + last - number + 1)
        for number, operand in enumerate(operands)
    ]
    return _within(f" {operator} ".join(texts), binds, above)


def _within(text: str, binds: int, above: int) -> str:
    return f"({text})" if binds < above else text


def _conditional(node: Conditional, above: int, level: int) -> str:
    text = f"{_text(node.test, _CONDITIONAL + 1, level + 1)} ? {_text(node.then, _CONDITIONAL + 1, level + 1)}"
    if node.otherwise is not None:
        text += f" : {_text(node.otherwise, _CONDITIONAL, level + 1)}"
    return _within(text, _CONDITIONAL, above)


def _range(node: Range, above: int, level: int) -> str:
    first, last = (_text(bound, _PATH, level + 1) for bound in (node.first, node.last))
    return f"[{first}..{last}]"


def _object(node: Object, above: int, level: int) -> str:
    pairs = (f"{_list([key], level)}:{_list([value], level)}" for key, value in node.pairs)
    return "{" + ",".join(pairs) + "}"


def _block(node: Block, above: int, level: int) -> str:
    inside = "; ".join(_text(statement, _STATEMENT, level + 1) for statement in node.statements)
    return f"({inside})" if above >= _PATH else f"( {inside} )"


def _lambda(node: Lambda, above: int, level: int) -> str:
    return f"function({_list(node.parameters, level)}) {{ {_text(node.body, _STATEMENT, level + 1)} }}"


_PRINTERS: dict[type[Node], Callable[[Any, int, int], str]] = {
    Literal: _literal,
    Variable: lambda node, above, level: f"${node.name}",
    Name: lambda node, above, level: _named(node.name),
    Wildcard: lambda node, above, level: "*",
    Descendants: lambda node, above, level: "**",
    Regex: lambda node, above, level: f"/{node.pattern}/",
    Step: _step,
    Filter: _filter,
    Grouped: _grouped,
    Operation: _operation,
    Conditional: _conditional,
    Call: lambda node, above, level: f"${node.function}({_list(node.arguments, level)})",
    Array: lambda node, above, level: f"[{_list(node.items, level)}]",
    Range: _range,
    Object: _object,
    Bind: lambda node, above, level: f"${node.variable.name} := {_text(node.value, _STATEMENT, level + 1)}",
    Block: _block,
    Lambda: _lambda,
}
