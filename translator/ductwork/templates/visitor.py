"""Expressions of Jinja: a strict walk over jinja2's own syntax tree, which knows each node by its name or refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import jinja2
from jinja2 import nodes

from ductwork.ir.expressions import Call, Constant, Text
from ductwork.ir.templating import Templating
from ductwork.templates import dates, names, texts, values, xcoms
from ductwork.templates.compare import compared
from ductwork.templates.errors import NotSaidError, words
from ductwork.templates.values import Kind, Value

# With the one extension that Airflow adds, and no names of its own.
ENVIRONMENT = jinja2.Environment(undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"])

# What data have as attributes, whichever they are: methods come before the members of a dictionary.
_ATTRIBUTES = frozenset(name for kind in (str, int, float, dict, list, type(None)) for name in dir(kind))


class Visitor:
    """The values of expressions.

    :param known: what is known of the task
    :param scope: names that the template itself has set
    """

    def __init__(self, known: Templating | None, scope: Mapping[str, Value]) -> None:
        self._known, self._scope = known, scope

    def value(self, node: nodes.Node) -> Value:
        """What an expression stands for.

        :raises NotSaidError: it is not lowered
        """
        try:
            folded = _folded(node)
            return (self._visited(node) if folded is None else folded).called(words(node))
        except NotSaidError as error:
            raise NotSaidError(error.what or words(node)) from error

    def _visited(self, node: nodes.Node) -> Value:
        visit: Callable[[nodes.Node], Value] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if visit is None:
            raise NotSaidError()
        return visit(node)

    # ---- names, attributes, items ----

    def _name(self, node: nodes.Name) -> Value:
        if node.name in self._scope:
            return self._scope[node.name]
        return names.named(node.name, self._known)

    def _getattr(self, node: nodes.Getattr) -> Value:
        owner = self.value(node.node)
        if owner.attributes is not None and node.attr in owner.attributes:
            return owner.attributes[node.attr]
        if owner.kind is Kind.OBJECT:
            return names.named(f"{owner.name}.{node.attr}", self._known)
        if owner.kind is Kind.DATE:
            return dates.part(owner, node.attr)
        if owner.kind is not Kind.DATA or node.attr in _ATTRIBUTES:
            raise NotSaidError()
        return self._member(owner, Value(Kind.TEXT, Text(node.attr), constant=(node.attr,)), words(node))

    def _member(self, owner: Value, name: Value, called: str) -> Value:
        if owner.name == "params" and self._known is not None and name.constant:
            return names.parameter(owner, str(name.constant[0]), self._known)
        found = Call("member", (owner.expr, name.expr, Text(called)))
        return values.data(found, values.Member(owner.expr, name.expr))

    def _getitem(self, node: nodes.Getitem) -> Value:
        owner = self.value(node.node)
        if isinstance(node.arg, nodes.Slice):
            return self._slice(owner, node.arg)
        key = self.value(node.arg)
        if key.kind is Kind.TEXT and owner.kind is Kind.DATA:
            return self._member(owner, key, words(node))
        if key.kind is not Kind.NUMBER or owner.kind not in (Kind.DATA, Kind.LIST, Kind.TEXT):
            raise NotSaidError()
        item = values.item(owner.data, key.expr, words(node))
        return replace(item, kind=Kind.TEXT, is_ascii=owner.is_ascii) if owner.kind is Kind.TEXT else item

    def _slice(self, owner: Value, node: nodes.Slice) -> Value:
        """Of a text or a list, by constants."""
        first, last = (self._bound(bound) for bound in (node.start, node.stop))
        if node.step is not None:
            raise NotSaidError("such a slice")
        if owner.kind is Kind.TEXT:
            return values.text(Call("slice", (owner.expr, first, last)), is_ascii=owner.is_ascii)
        if owner.kind not in (Kind.LIST, Kind.DATA):
            raise NotSaidError()
        part = Call("part", (owner.data, first, last, Text(words(node))))
        return Value(owner.kind, part, unsure=owner.kind is Kind.DATA)

    def _bound(self, node: nodes.Node | None) -> Constant:
        value = self.value(node) if node else values.constant(None)
        if value.constant is None or value.kind not in (Kind.NUMBER, Kind.NONE):
            raise NotSaidError("such a slice")
        return Constant(value.constant[0])

    # ---- calls ----

    def _call(self, node: nodes.Call) -> Value:
        if node.dyn_args or node.dyn_kwargs or not isinstance(node.node, nodes.Getattr):
            raise NotSaidError()
        owner = self.value(node.node.node)
        arguments = [self.value(each) for each in node.args]
        named = self._named(node.kwargs)
        method = node.node.attr
        if owner.kind is Kind.OBJECT:
            return self._function(f"{owner.name}.{method}", arguments, named)
        if owner.kind is Kind.DATE:
            if method not in dates.METHODS or (owner.name and method not in dates.PYTHON_ATTRIBUTES):
                raise NotSaidError()
            return dates.METHODS[method](owner, arguments, named)
        if method not in texts.METHODS or owner.kind not in (Kind.TEXT, Kind.DATA):
            raise NotSaidError()
        return texts.METHODS[method](owner, arguments, named)

    def _function(self, name: str, arguments: list[Value], named: Mapping[str, Value]) -> Value:
        if name == xcoms.PULL:
            return xcoms.pulled(arguments, named, self._known)
        return _function(name, arguments, named)

    def _named(self, arguments: Sequence[nodes.Keyword | nodes.Pair]) -> dict[str, Value]:
        return {str(each.key): self.value(each.value) for each in arguments}

    def _filter(self, node: nodes.Filter) -> Value:
        if node.node is None or node.dyn_args or node.dyn_kwargs or node.name not in texts.FILTERS:
            raise NotSaidError()
        arguments = [self.value(each) for each in node.args]
        return texts.FILTERS[node.name](self.value(node.node), arguments, self._named(node.kwargs))

    def _test(self, node: nodes.Test) -> Value:
        if node.name == "undefined":
            return texts.is_not(self._defined(node.node))
        if node.args or node.kwargs:
            raise NotSaidError()
        if node.name == "defined":
            return self._defined(node.node)
        if node.name != "none":
            raise NotSaidError()
        return texts.is_none(self.value(node.node))

    def _defined(self, node: nodes.Node) -> Value:
        """``node is defined``, where that is a question of the run's data alone, and asking raises nothing else."""
        asked = self.value(node)
        if asked.member is None and asked.constant is None and not isinstance(node, (nodes.Name, nodes.Getattr)):
            raise NotSaidError()
        return texts.is_defined(asked)

    # ---- operators ----

    def _concat(self, node: nodes.Concat) -> Value:
        parts = [self.value(each) for each in node.nodes]
        return values.text(values.joined([part.text for part in parts]), is_ascii=all(part.is_ascii for part in parts))

    def _or(self, node: nodes.Or) -> Value:
        # From the right, so that no part stands in the result more than twice.
        operands: list[nodes.Node] = [node.right]
        left: nodes.Node = node.left
        while isinstance(left, nodes.Or):
            operands.append(left.right)
            left = left.left
        result, *before = [self.value(operand) for operand in (*operands, left)]
        for value in before:
            result = texts.either(value, result)
        return result

    def _and(self, node: nodes.And) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if left.kind is right.kind is Kind.TRUTH:
            return values.truth(Call("and", (left.expr, right.expr)))
        return texts.chosen(left.truth, right, left)

    def _not(self, node: nodes.Not) -> Value:
        return texts.is_not(self.value(node.node))

    def _condexpr(self, node: nodes.CondExpr) -> Value:
        if node.expr2 is None:
            raise NotSaidError("an if without else")
        return texts.chosen(self.value(node.test).truth, self.value(node.expr1), self.value(node.expr2))

    def _compare(self, node: nodes.Compare) -> Value:
        if len(node.ops) != 1:
            raise NotSaidError("a comparison of three")
        return compared(node.ops[0].op, self.value(node.expr), self.value(node.ops[0].expr))

    def _add(self, node: nodes.Add) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if left.kind is Kind.SPAN and right.kind is Kind.DATE:
            left, right = right, left
        if left.kind is Kind.DATE and right.kind is Kind.SPAN:
            return dates.later(left, _seconds(right))
        if Kind.TEXT in (left.kind, right.kind):
            is_ascii = left.is_ascii and right.is_ascii
            return values.text(values.joined([left.as_text(), right.as_text()]), is_ascii=is_ascii)
        return _calculated("add", left, right)

    def _sub(self, node: nodes.Sub) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if left.kind is Kind.DATE and right.kind is Kind.SPAN:
            return dates.later(left, -_seconds(right))
        return _calculated("subtract", left, right)

    def _mul(self, node: nodes.Mul) -> Value:
        return _calculated("multiply", self.value(node.left), self.value(node.right))

    def _floordiv(self, node: nodes.FloorDiv) -> Value:
        return _calculated("divide", self.value(node.left), self.value(node.right))

    def _mod(self, node: nodes.Mod) -> Value:
        left = self.value(node.left)
        if left.kind is Kind.TEXT:
            given = node.right.items if isinstance(node.right, nodes.Tuple) else [node.right]
            return texts.formatted(texts.known_text(left), [_single(self.value(each)) for each in given])
        return _calculated("modulo", left, self.value(node.right))

    def _neg(self, node: nodes.Neg) -> Value:
        return _calculated("subtract", values.constant(0), self.value(node.node))


def _folded(node: nodes.Node) -> Value | None:
    """A part that is the same in any run, as Jinja's own optimiser computes it."""
    if not isinstance(node, nodes.Expr):
        raise NotSaidError
    try:
        known = node.as_const(nodes.EvalContext(ENVIRONMENT))
    except nodes.Impossible:
        return None
    if isinstance(known, jinja2.Undefined):
        raise NotSaidError
    return values.constant(known)


def _seconds(span: Value) -> int:
    assert isinstance(span.expr, Constant)
    assert isinstance(span.expr.value, int)
    return span.expr.value


def _single(value: Value) -> Value:
    """What ``%`` takes for one argument whichever it is: a tuple, or a dictionary, is several."""
    if value.kind in (Kind.TEXT, Kind.NUMBER, Kind.TRUTH, Kind.DATE):
        return value
    raise NotSaidError("% with what may be several values")


def _calculated(function: str, left: Value, right: Value) -> Value:
    if left.kind is right.kind is Kind.NUMBER:
        return values.number(Call(function, (left.expr, right.expr)))
    raise NotSaidError("a calculation")


def _function(name: str, arguments: list[Value], named: Mapping[str, Value]) -> Value:
    known = {
        "macros.ds_add": dates.ds_add,
        "macros.ds_format": dates.ds_format,
        "macros.timedelta": dates.span,
        "macros.datetime.timedelta": dates.span,
    }
    if name not in known:
        raise NotSaidError()
    return known[name](arguments, named)
