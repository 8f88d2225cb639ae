"""JSONata expressions as a tree of nodes. Nothing here knows how they are written down: :mod:`.printer` does.

A state has nodes where the Amazon States Language has expressions; the machine is printed once, when it is complete.
Wherever a node is expected, JSON data stand for literals, and may have nodes in them: :func:`lifted`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

# Step Functions' JSONata writes numbers with so many digits; what has more would come out as another number.
MOST_DIGITS = 15


class Node:
    """An expression. The operators are JSONata's: ``&`` joins texts."""

    __slots__ = ()

    def field(self, *names: str) -> Node:
        """``self.name``, one step for each name."""
        node: Node = self
        for name in names:
            node = Step(node, Name(name))
        return node

    def each(self, body: Node) -> Node:
        """``self.body``: the body once for each item, which it has as its context."""
        return Step(self, body)

    def where(self, condition: Node) -> Node:
        """``self[condition]``: those items for which the condition holds; they are its context."""
        return Filter(self, condition)

    def at(self, index: Node | int) -> Node:
        """``self[index]``: one item, counted from zero."""
        return Filter(self, lifted(index))

    def equals(self, other: Value) -> Node:
        return Operation("=", (self, lifted(other)))

    def differs(self, other: Value) -> Node:
        return Operation("!=", (self, lifted(other)))

    def is_in(self, array: Value) -> Node:
        return Operation("in", (self, lifted(array)))

    def __lt__(self, other: Value) -> Node:
        return Operation("<", (self, lifted(other)))

    def __le__(self, other: Value) -> Node:
        return Operation("<=", (self, lifted(other)))

    def __gt__(self, other: Value) -> Node:
        return Operation(">", (self, lifted(other)))

    def __ge__(self, other: Value) -> Node:
        return Operation(">=", (self, lifted(other)))

    def __and__(self, other: Value) -> Node:
        return _chain("&", (self, lifted(other)))

    def __add__(self, other: Value) -> Node:
        return Operation("+", (self, lifted(other)))

    def __sub__(self, other: Value) -> Node:
        return Operation("-", (self, lifted(other)))

    def __mul__(self, other: Value) -> Node:
        return _chain("*", (self, lifted(other)))

    def __truediv__(self, other: Value) -> Node:
        return Operation("/", (self, lifted(other)))


Value: TypeAlias = object
"""A node, or JSON data that stand for one and may have nodes in them."""


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A text, a number, true, false or null.

    :raises ValueError: for a number with more digits than come out again
    """

    value: str | int | float | bool | None

    def __post_init__(self) -> None:
        if isinstance(self.value, (int, float)):
            digits = json.dumps(self.value).partition("e")[0].replace(".", "").strip("-0")
            if len(digits) > MOST_DIGITS:
                raise ValueError(f"{self.value} has more than {MOST_DIGITS} digits: let it be text")


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """``$name``: what the name is bound to.

    :param name: without the ``$``; empty: the context item
    """

    name: str


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A field of the context item."""

    name: str


@dataclass(frozen=True, slots=True)
class Wildcard(Node):
    """The values of all fields of the context item."""


@dataclass(frozen=True, slots=True)
class Descendants(Node):
    """Every value within the context item, at any depth."""


@dataclass(frozen=True, slots=True)
class Regex(Node):
    """``/pattern/``: matches in a text.

    :param pattern: JavaScript's, its slashes escaped
    """

    pattern: str


@dataclass(frozen=True, slots=True)
class Step(Node):
    """``left.right``: of each item of ``left``."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Filter(Node):
    """``left[condition]``, where a number is an index."""

    left: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class Grouped(Node):
    """``left{key: value}``: an object with the values of all items of the same key."""

    left: Node
    key: Node
    value: Node


@dataclass(frozen=True, slots=True)
class Operation(Node):
    """A binary operator between two operands, or more from left to right."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """``test ? then : otherwise``; None: nothing, which arrays and objects leave out."""

    test: Node
    then: Node
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``$function(a, b)``.

    :param function: the name of a built-in function, or of a variable that is one
    """

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Array(Node):
    """``[a, b]``; items that are arrays are one after another in it, and what gives nothing is left out.

    JSONata makes a value of its own of a sequence of one item: ``array(sequence)`` is an array in any case.
    """

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Range(Node):
    """``[first..last]``, with both."""

    first: Node
    last: Node


@dataclass(frozen=True, slots=True)
class Object(Node):
    """``{key: value}``, without the pairs whose value is nothing."""

    pairs: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Bind(Node):
    """``$variable := value``, in a block."""

    variable: Variable
    value: Node


@dataclass(frozen=True, slots=True)
class Block(Node):
    """``(a; b)``: the last one's value."""

    statements: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Lambda(Node):
    """``function($a, $b) { body }``."""

    parameters: tuple[Variable, ...]
    body: Node


def lifted(value: Value) -> Node:
    """The node that JSON data stand for: a literal, an array or an object.

    :raises TypeError: for what is no JSON
    """
    if isinstance(value, Node):
        return value
    if value is None or isinstance(value, (str, int, float, bool)):
        return Literal(value)
    if isinstance(value, (list, tuple)):
        return array(*value)
    # An abstract class is slow to ask.
    if isinstance(value, (dict, Mapping)):
        return Object(tuple((Literal(key), lifted(inner)) for key, inner in value.items()))
    raise TypeError(f"{value!r} is no expression")


def array(*items: Value) -> Array:
    return Array(tuple(map(lifted, items)))


def call(function: str, *arguments: Value) -> Node:
    return Call(function, tuple(map(lifted, arguments)))


def exists(value: Node) -> Node:
    return call("exists", value)


def negated(condition: Node) -> Node:
    return call("not", condition)


def text_of(value: Node) -> Node:
    """``$string(value)``: numbers, too, are text in DynamoDB and in an environment."""
    return call("string", value)


def merged(*objects: Value) -> Node:
    """One object of several, whose later fields count."""
    return call("merge", objects)


# No value, not even null: arrays and objects leave it out.
NOTHING = object()


def when(test: Node, then: Value, otherwise: Value = NOTHING) -> Node:
    return first_of([(test, then)], otherwise)


def first_of(cases: Sequence[tuple[Node, Value]], otherwise: Value = NOTHING) -> Node:
    """``a ? x : b ? y : otherwise``.

    :param cases: at least one
    """
    *before, (condition, value) = cases
    last = None if otherwise is NOTHING else lifted(otherwise)
    node: Node = Conditional(condition, lifted(value), last)
    for condition, value in reversed(before):
        node = Conditional(condition, lifted(value), node)
    return node


def either(*conditions: Node) -> Node:
    return _chain("or", conditions) if conditions else Literal(False)


def every(*conditions: Node) -> Node:
    return _chain("and", conditions) if conditions else Literal(True)


def joined(*texts: Value) -> Node:
    """The texts one after another."""
    return _chain("&", tuple(map(lifted, texts))) if texts else Literal("")


def product(*numbers: Value) -> Node:
    return _chain("*", tuple(map(lifted, numbers))) if numbers else Literal(0)


def _chain(operator: str, operands: tuple[Node, ...]) -> Node:
    """Of an operator for which parentheses make no difference."""
    flat: list[Node] = []
    for operand in operands:
        same = isinstance(operand, Operation) and operand.operator == operator
        flat += operand.operands if isinstance(operand, Operation) and same else (operand,)
    return flat[0] if len(flat) == 1 else Operation(operator, tuple(flat))


def variables(value: object) -> set[str]:
    """The names of all variables, and functions, that a node reads."""
    if isinstance(value, (list, tuple)):
        return set().union(*map(variables, value))
    if not isinstance(value, Node):
        return set()
    own = {value.name} if isinstance(value, Variable) else {value.function} if isinstance(value, Call) else set()
    return own.union(*(variables(getattr(value, field.name)) for field in fields(value)))  # type: ignore[arg-type]


# Any: the same kind of value as it was given.
def substituted(value: Any, old: Node, new: Node) -> Any:
    """JSON data, or a node, with another node in the place of each that equals ``old``."""
    if isinstance(value, Mapping):
        return {key: substituted(inner, old, new) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(substituted(inner, old, new) for inner in value)
    if not isinstance(value, Node):
        return value
    return new if value == old else _rebuilt(value, lambda inner: substituted(inner, old, new))


def _rebuilt(node: Any, change: Callable[[Any], Any]) -> Any:
    changed = {field.name: change(getattr(node, field.name)) for field in fields(node)}
    return replace(node, **changed)
