"""What a part of a template is: an expression, and what is known of its type before a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from ductwork.ir.expressions import Call, Choose, Concat, Constant, Expr, Text
from ductwork.templates.errors import NotSaidError

# Larger whole numbers are not the same in JSONata.
MOST_NUMBER = 10**15


class Kind(Enum):
    """The types that are told apart. DATA is what JSON may hold, of which only the run knows the type."""

    TEXT = "text"
    NUMBER = "a whole number"
    TRUTH = "a truth value"
    NONE = "None"
    DATE = "a date"
    SPAN = "a duration"
    LIST = "a list"
    DATA = "data"
    OBJECT = "an object of Airflow"


# The name of a list that Python prints as a tuple.
TUPLE = "tuple"
# What may stand where data are expected.
_JSON = {Kind.TEXT, Kind.NUMBER, Kind.TRUTH, Kind.NONE, Kind.LIST, Kind.DATA}


@dataclass(frozen=True)
class Member:
    """Where data come from that may be missing there.

    :param name: of a dictionary's member; of an item its number
    :param required: Airflow fails if it is missing, whatever the template makes of that
    :param is_item: it is a list's item, or a text's character
    """

    owner: Expr
    name: Expr
    required: bool = False
    is_item: bool = False


@dataclass(frozen=True)
class Value:
    """A part of a template.

    :param expr: what it is at run time; of a duration a :class:`Constant` of seconds
    :param words: how the author called it
    :param constant: what it is in any run, in a tuple of one; None: that is not known
    :param member: where it may be missing
    :param unsure: Jinja may have an undefined value here, and of what cannot be asked for
    :param is_day: it is a text like 2026-01-31
    :param is_ascii: it is a text without other characters
    :param name: of an object of Airflow; ``datetime`` of a date that is none of pendulum's; ``tuple`` of a list
    :param attributes: of an object of Jinja
    """

    kind: Kind
    expr: Expr
    words: str = ""
    constant: tuple[object] | None = None
    member: Member | None = None
    unsure: bool = False
    is_day: bool = False
    is_ascii: bool = False
    name: str = ""
    attributes: Mapping[str, Value] | None = None

    @property
    def text(self) -> Expr:
        """As ``str()`` has it."""
        if self.constant is not None:
            return Text(str(self.constant[0]))
        match self.kind:
            case Kind.TEXT:
                return self.expr
            case Kind.NUMBER:
                return Call("digits", (self.expr,))
            case Kind.TRUTH:
                return Choose(self.expr, Text("True"), Text("False"))
            case Kind.NONE:
                return Text("None")
            case Kind.DATE:
                return Call("date_text", (self.expr,))
            case Kind.LIST | Kind.DATA:
                return Call("text", (self.expr,))
        raise NotSaidError(self.words)

    @property
    def truth(self) -> Expr:
        """As ``bool()`` has it."""
        match self.kind:
            case Kind.TRUTH:
                return self.expr
            case Kind.TEXT:
                return negated(Call("same", (self.expr, Text(""))))
            case Kind.NUMBER:
                return negated(Call("same", (self.expr, Constant(0))))
            case Kind.NONE:
                return Constant(False)
            case Kind.DATE:
                return Constant(True)
            case Kind.LIST | Kind.DATA:
                return Call("truth", (self.expr,))
        raise NotSaidError(self.words)

    @property
    def data(self) -> Expr:
        """As JSON has it.

        :raises NotSaidError: it is nothing that JSON may hold
        """
        if self.kind in _JSON and self.name != TUPLE:
            return self.expr
        raise NotSaidError(self.words)

    def as_text(self) -> Expr:
        """A value that has to be text, or Python raises a TypeError."""
        if self.kind is Kind.TEXT:
            return self.expr
        if self.kind is Kind.DATA:
            return Call("typed", (self.expr, Text("string"), Text(self.words)))
        raise NotSaidError(self.words)

    def called(self, words: str) -> Value:
        """The same, as the author calls it here."""
        return self if self.words else replace(self, words=words)

    @property
    def may_lack(self) -> bool:
        """Whether it may be undefined, as Jinja calls it."""
        return self.unsure or self.member is not None


def negated(test: Expr) -> Expr:
    return Call("not", (test,))


def text(expr: Expr, *, is_day: bool = False, is_ascii: bool = False) -> Value:
    return Value(Kind.TEXT, expr, is_day=is_day, is_ascii=is_ascii or is_day)


def number(expr: Expr) -> Value:
    return Value(Kind.NUMBER, expr)


def truth(expr: Expr) -> Value:
    return Value(Kind.TRUTH, expr)


def date(expr: Expr) -> Value:
    return Value(Kind.DATE, expr)


def data(expr: Expr, member: Member | None = None) -> Value:
    return Value(Kind.DATA, expr, member=member)


def item(owner: Expr, number: Expr, words: str) -> Value:
    """An item of a list, or a character of a text, which may be missing."""
    return data(Call("item", (owner, number, Text(words))), Member(owner, number, is_item=True))


def constant(value: object) -> Value:
    """A value that is the same in any run.

    :raises NotSaidError: it is nothing that JSONata has
    """
    known = (value,)
    if isinstance(value, str):
        return Value(Kind.TEXT, Text(value), repr(value), known, is_ascii=value.isascii())
    if value is None:
        return Value(Kind.NONE, Constant(None), "None", known)
    if isinstance(value, bool):
        return Value(Kind.TRUTH, Constant(value), repr(value), known)
    if isinstance(value, int) and abs(value) < MOST_NUMBER:
        return Value(Kind.NUMBER, Constant(value), repr(value), known)
    if isinstance(value, tuple) and _is_json(list(value)):
        return Value(Kind.LIST, Constant(list(value)), repr(value), known, name=TUPLE)
    if _is_json(value):
        return Value(Kind.LIST if isinstance(value, list) else Kind.DATA, Constant(value), repr(value), known)
    if isinstance(value, (int, list, tuple, dict, set)):
        # It can be printed, and nothing else.
        return Value(Kind.OBJECT, Constant(None), repr(value), known)
    raise NotSaidError(repr(value))


def _is_json(value: object) -> bool:
    """Whether JSON has the same value."""
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) for name in value) and all(map(_is_json, value.values()))
    return value is None or isinstance(value, (str, int, float))


def joined(parts: list[Expr]) -> Expr:
    """Texts one after another, constants among them put together."""
    flat: list[Expr] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Concat) else (part,):
            if isinstance(piece, Text) and flat and isinstance(flat[-1], Text):
                flat[-1] = Text(flat[-1].value + piece.value)
            elif piece != Text(""):
                flat.append(piece)
    if not flat:
        return Text("")
    return flat[0] if len(flat) == 1 else Concat(tuple(flat))
