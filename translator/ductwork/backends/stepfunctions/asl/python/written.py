"""Expressions of the workflow as nodes of JSONata, with the helpers they call in front."""

from __future__ import annotations

from collections.abc import Mapping

from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Lambda,
    Node,
    Variable,
    array,
    call,
    joined,
    lifted,
    variables,
    when,
)
from ductwork.backends.stepfunctions.asl.python import boxes, functions
from ductwork.backends.stepfunctions.asl.python.helpers import HELPERS
from ductwork.contracts.ledger import RETURN_VALUE, xcom_sk
from ductwork.contracts.names import short_hash
from ductwork.ir.expressions import RETURNED, Call, Choose, Concat, Constant, Each, Expr, Local, RunValue, Text, XCom


def written(expression: Expr, run_values: Mapping[str, Node]) -> Node:
    """The node of an expression.

    :param run_values: the values of the run, by name
    """
    return _with_helpers(_node(expression, run_values))


def _node(expression: Expr, run_values: Mapping[str, Node]) -> Node:
    def node(inner: Expr) -> Node:
        return _node(inner, run_values)

    match expression:
        case Text(value):
            return lifted(value)
        case RunValue(name):
            return run_values[name]
        case XCom(task_id):
            return call("xcom", pulled(expression), f"the XCom {key_of(expression)} of {task_id}")
        case Concat(parts):
            return joined(*map(node, parts))
        case Constant(value):
            return lifted(boxes.boxed(value))
        case Local(name):
            return Variable(name)
        case Choose(test, then, otherwise):
            return when(node(test), node(then), node(otherwise))
        case Each(items, item, index, body):
            text = Lambda((Variable(item), Variable(index)), node(body))
            # One text is an array, too.
            return call("join", array(call("map", node(items), text)))
        case Call(function, arguments):
            return functions.NODES[function](*map(node, arguments))
    raise TypeError(f"{expression!r} is no expression that is known")


def key_of(xcom: XCom) -> str:
    """The key that the ledger has."""
    return RETURN_VALUE if xcom.key == RETURNED else xcom.key


def pulled(xcom: XCom) -> Variable:
    """The variable that holds an XCom's JSON text, or :data:`.helpers.TOO_LARGE`.

    Of the reader's own: a branch may not assign a variable that there is around it.
    """
    return Variable(f"xcom_{short_hash(f'{xcom.reader}#{xcom_sk(xcom.task_id, key_of(xcom))}')}")


def _with_helpers(body: Node) -> Node:
    """The body, in a block with the helpers that it calls, and those that they call."""
    needed: dict[str, Node] = {}

    def need(node: Node, around: set[str]) -> None:
        for name in sorted((variables(node) & HELPERS.keys()) - needed.keys() - around):
            helper = HELPERS[name]()
            # Those that it calls come first; a function may call itself.
            need(helper, {*around, name})
            needed[name] = helper

    need(body, set())
    return Block((*(Bind(Variable(name), helper) for name, helper in needed.items()), body)) if needed else body
