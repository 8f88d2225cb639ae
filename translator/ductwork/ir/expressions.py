"""Expressions: what a template field becomes when it is known only at run time.

A closed set of nodes. What a back end can say of them is its own affair: it refuses what it cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass

# The name of the run's value that is the conf of whoever has started it.
CONF = "conf"
# The key of an XCom that is what a task returns.
RETURNED = ""


@dataclass(frozen=True)
class Expr:
    """An expression. Its value is text, unless it says otherwise."""

    @property
    def is_plain(self) -> bool:
        """Whether its value is made of constants and of values of the run that hold nothing which a shell would split
        or Kubernetes would replace."""
        return False


@dataclass(frozen=True)
class Text(Expr):
    """A constant piece of text."""

    value: str

    @property
    def is_plain(self) -> bool:
        return True


@dataclass(frozen=True)
class RunValue(Expr):
    """A value of the run: ``run_id``, ``ds``, ``ds_nodash``, ``ts`` or ``ts_nodash``, as Airflow renders it.

    ``data_interval_start`` and ``data_interval_end`` are in UTC, as ``isoformat()`` writes them. ``conf`` is an object.
    In a mapped task group ``map_index`` is the instance's index. ``region`` is the AWS Region that the run is in.
    """

    name: str

    @property
    def is_plain(self) -> bool:
        return self.name != CONF


@dataclass(frozen=True)
class Concat(Expr):
    """Pieces of text, one after another."""

    parts: tuple[Expr, ...]

    @property
    def is_plain(self) -> bool:
        return all(part.is_plain for part in self.parts)


@dataclass(frozen=True)
class Constant(Expr):
    """JSON data that are no text: a number, a truth value, None, a list or a dictionary."""

    value: object


@dataclass(frozen=True)
class XCom(Expr):
    """Data that a task which has ended has left under a key, None where there are none.

    :param task_id: whose
    :param key: of what it returns :data:`RETURNED`
    :param reader: the task that reads them
    """

    task_id: str
    key: str
    reader: str


@dataclass(frozen=True)
class Local(Expr):
    """What an :class:`Each` has bound to a name: an item, or its number."""

    name: str


@dataclass(frozen=True)
class Choose(Expr):
    """One of two values, by a truth value."""

    test: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True)
class Each(Expr):
    """The body's text once for each item of a list, one after another.

    :param item: the name of the item within the body
    :param index: the name of its number, counted from zero
    """

    items: Expr
    item: str
    index: str
    body: Expr


@dataclass(frozen=True)
class Call(Expr):
    """One of the functions of :data:`ductwork.ir.functions.FUNCTIONS`."""

    function: str
    arguments: tuple[Expr, ...]


def inside(expression: Expr) -> Iterator[Expr]:
    """An expression and all that it is made of."""
    yield expression
    for part in _parts(expression):
        yield from inside(part)


def levels(expression: Expr) -> int:
    """How deeply an expression is nested: 1 if it is made of no other."""
    return 1 + max(map(levels, _parts(expression)), default=0)


def _parts(expression: Expr) -> Iterator[Expr]:
    for field in fields(expression):
        value = getattr(expression, field.name)
        yield from (part for part in (value if isinstance(value, tuple) else (value,)) if isinstance(part, Expr))


def expressions_in(value: object) -> Iterator[Expr]:
    """The expressions in plain data, in the work of a task or in tasks, without those that they are made of."""
    if isinstance(value, Expr):
        yield value
    elif isinstance(value, Mapping):
        yield from expressions_in(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from expressions_in(inner)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from expressions_in([getattr(value, field.name) for field in fields(value)])


def in_chains(expression: Expr) -> bool:
    """Whether a chain of jobs, which has places for some values of the run and nothing else, can say it."""
    if isinstance(expression, Concat):
        return all(map(in_chains, expression.parts))
    if isinstance(expression, RunValue):
        return expression.name not in {CONF, "data_interval_start", "data_interval_end"}
    return isinstance(expression, Text)


def run_values_in(value: object) -> set[str]:
    """The names of the run's values that :func:`expressions_in` such data read."""
    parts = (part for expression in expressions_in(value) for part in inside(expression))
    return {part.name for part in parts if isinstance(part, RunValue)}


@dataclass(frozen=True)
class PerInstance:
    """A value for each instance of a mapped task, in the order of their indexes: plain data with expressions in it."""

    values: tuple[object, ...]
