"""Statements of Jinja: output, ``if``, ``for``, ``set``; the text that a template renders to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jinja2 import nodes

from ductwork.ir.expressions import Call, Choose, Constant, Each, Expr, Local, Text
from ductwork.ir.templating import Templating
from ductwork.templates import texts, values
from ductwork.templates.errors import NotSaidError, words
from ductwork.templates.values import Kind, Value
from ductwork.templates.visitor import Visitor


class Statements:
    """The texts of statements, one after another.

    :param scope: names that are set, which change as the statements go on
    """

    def __init__(self, known: Templating | None, scope: dict[str, Value] | None = None, depth: int = 0) -> None:
        self._known, self._scope, self._depth = known, dict(scope or {}), depth

    def text(self, body: Sequence[nodes.Node]) -> Expr:
        """What a body renders to.

        :raises NotSaidError: some part of it is not lowered
        """
        parts: list[Expr] = []
        for node in body:
            if isinstance(node, nodes.Output):
                parts += map(self._piece, node.nodes)
            elif isinstance(node, nodes.If):
                parts.append(self._if(node))
            elif isinstance(node, nodes.For):
                parts.append(self._for(node))
            elif isinstance(node, nodes.Assign):
                self._assign(node)
            else:
                raise NotSaidError(words(node))
        return values.joined(parts)

    def _value(self, node: nodes.Node) -> Value:
        return Visitor(self._known, self._scope).value(node)

    def _piece(self, node: nodes.Node) -> Expr:
        if isinstance(node, nodes.TemplateData):
            return Text(node.data)
        return self._value(node).text

    def _inner(self, body: Sequence[nodes.Node]) -> Expr:
        """Of a body that sets nothing which could be read after it."""
        if any(isinstance(node, nodes.Assign) or node.find(nodes.Assign) for node in body):
            raise NotSaidError("set within if")
        return Statements(self._known, self._scope, self._depth).text(body)

    def _if(self, node: nodes.If) -> Expr:
        otherwise = self._inner(node.else_)
        for branch in reversed(node.elif_):
            otherwise = Choose(self._value(branch.test).truth, self._inner(branch.body), otherwise)
        return Choose(self._value(node.test).truth, self._inner(node.body), otherwise)

    def _for(self, node: nodes.For) -> Expr:
        if node.test is not None or node.recursive or node.else_:
            raise NotSaidError("for with if, else or recursive")
        index, item = Local(f"i{self._depth}"), Local(f"x{self._depth}")
        items, bound = self._bound(node, item)
        scope = {**self._scope, "loop": _loop(items, index), **bound}
        return Each(items, item.name, index.name, Statements(self._known, scope, self._depth + 1).text(node.body))

    def _bound(self, node: nodes.For, item: Local) -> tuple[Expr, dict[str, Value]]:
        """What a loop goes through, and the names it sets."""
        target, iterated = node.target, node.iter
        if isinstance(target, nodes.Name):
            owner = self._value(iterated)
            return texts.entries(owner), {target.name: _item(owner, item, target.name)}
        if not (isinstance(target, nodes.Tuple) and len(target.items) == 2):
            raise NotSaidError("such a loop")
        if not (isinstance(iterated, nodes.Call) and isinstance(iterated.node, nodes.Getattr)):
            raise NotSaidError("such a loop")
        owner = self._value(iterated.node.node)
        if iterated.node.attr != "items" or owner.kind is not Kind.DATA or iterated.args or iterated.kwargs:
            raise NotSaidError("such a loop")
        names = Call("names", (owner.expr, Text(owner.words)))
        found = Call("member", (owner.expr, item, Text(owner.words)))
        key, inner = (each.name if isinstance(each, nodes.Name) else "" for each in target.items)
        return names, {key: values.text(item), inner: values.data(found)}

    def _assign(self, node: nodes.Assign) -> None:
        if not isinstance(node.target, nodes.Name):
            raise NotSaidError("such a set")
        self._scope[node.target.name] = replace(self._value(node.node), words=node.target.name)


def _item(owner: Value, item: Local, name: str) -> Value:
    """An item of what a loop goes through: of a constant list of one type it is of that type."""
    known = owner.constant[0] if owner.constant else None
    if isinstance(known, (list, tuple)) and known and all(type(each) is str for each in known):
        return replace(values.text(item), words=name)
    return replace(values.data(item), words=name)


def _loop(items: Expr, index: Local) -> Value:
    """Jinja's ``loop``, as far as it tells where the loop is."""
    size = Call("size", (items, Text("loop")))
    following = Call("add", (index, Constant(1)))
    attributes = {
        "index": values.number(following),
        "index0": values.number(index),
        "first": values.truth(Call("same", (index, Constant(0)))),
        "last": values.truth(Call("same", (following, size))),
        "length": values.number(size),
    }
    return Value(Kind.OBJECT, items, attributes=attributes)
