"""What a JSONata expression reads and gives: a walk over the syntax tree of jsonata-python.

A *shape* says what is certain about a value: ``ANY`` (nothing is known, any read is accepted), ``SCALAR`` (text, number,
boolean: it has no fields), a ``dict`` (an object with at least these fields), a ``list`` (an array of known elements).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from asl_problem import Problem, expression_code
from jsonata import Jsonata

ANY, SCALAR = "any", "scalar"
Shape = Any
MAX_DEPTH = 100

_BUILTIN_NAMES = """
sum count max min average string substring substringBefore substringAfter lowercase uppercase length trim pad match
contains replace split join formatNumber formatBase formatInteger parseInteger number floor ceil round abs sqrt power
random boolean not map zip filter single reduce sift keys lookup append exists spread merge reverse each error assert
type sort shuffle distinct base64encode base64decode encodeUrlComponent encodeUrl decodeUrlComponent decodeUrl toMillis
fromMillis now millis clone partition range hash uuid parse
"""
BUILTINS = set(_BUILTIN_NAMES.split())
CONTEXT = {"Execution", "State", "StateMachine", "Task", "Map"}
_CHILDREN = (
    *("procedure", "arguments", "body", "predicate", "stages", "expression", "steps", "group", "lhs", "rhs", "expr"),
    *("expressions", "condition", "then", "_else", "lhs_object", "rhs_object", "rhs_terms", "terms"),
)


@dataclass(frozen=True)
class Scope:
    """What an expression may read where it stands.

    :param result: the shape of ``$states.result``, None where there is none
    :param error: ``$states.errorOutput`` exists (in a catcher)
    :param token: ``$states.context.Task.Token`` exists
    :param variables: assigned on every path that leads here
    """

    input: Shape
    variables: frozenset[str] = frozenset()
    result: Shape = None
    error: bool = False
    token: bool = False
    problems: list[Problem] = field(default_factory=list)


@lru_cache(maxsize=20_000)
def parse(code: str) -> Any:
    """The tree, or the exception that says why there is none."""
    try:
        return Jsonata(code).ast
    except Exception as error:  # noqa: BLE001 - the library raises whatever Python does
        return error


@lru_cache(maxsize=20_000)
def depth_of(code: str) -> int:
    """How many levels the tree of an expression has that parses."""
    return depth(parse(code))


def children(node: Any) -> Iterator[Any]:
    if isinstance(node, (list, tuple)):
        for inner in node:
            yield from children(inner) if isinstance(inner, (list, tuple)) else [inner]
        return
    for name in _CHILDREN:
        value = getattr(node, name, None)
        if isinstance(value, (list, tuple)):
            yield from children(value)
        elif value is not None and hasattr(value, "position"):
            yield value


def depth(node: Any) -> int:
    deepest, level = 0, [node]
    while level:
        deepest += 1
        level = [inner for outer in level for inner in children(outer)]
    return deepest


def shape_of(value: Any, scope: Scope, where: str) -> Shape:
    """The shape of a JSON value whose marked strings are expressions; reports what is wrong with them."""
    if isinstance(value, dict):
        return {key: shape_of(inner, scope, f"{where}/{key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [shape_of(inner, scope, f"{where}/{number}") for number, inner in enumerate(value)]
    if (code := expression_code(value)) is None:
        return SCALAR
    tree = parse(code)
    if isinstance(tree, Exception):
        scope.problems.append(Problem("parse", where, f"{tree} in {code.strip()!r}"))
        return ANY
    if depth_of(code) > MAX_DEPTH:
        scope.problems.append(Problem("depth", where, f"nests deeper than {MAX_DEPTH}"))
    return _Walk(scope, where).shape(tree, frozenset(), inside=False)


class _Walk:
    def __init__(self, scope: Scope, where: str) -> None:
        self.scope = scope
        self.where = where

    def report(self, rule: str, what: str) -> None:
        self.scope.problems.append(Problem(rule, self.where, what))

    def shape(self, node: Any, local: frozenset[str], *, inside: bool) -> Shape:
        """:param inside: within a path step, a predicate or a lambda, where bare names and ``$`` mean the context"""
        kind = getattr(node, "type", None)
        if kind == "path":
            return self.path(node, local, inside)
        if kind == "variable":
            return self.variable(str(node.value), local, inside)
        if kind == "name" and not inside:
            self.report("bare-name", f"{node.value} is read without $states or a variable")
            return ANY
        if kind == "block":
            return self.block(node, local, inside)
        if kind == "lambda":
            inner = local | {str(argument.value) for argument in node.arguments}
            self.shape(node.body, inner, inside=True)
            return ANY
        if kind == "function":
            return self.call(node, local, inside)
        if kind == "unary" and node.value == "{":
            for key, _ in node.lhs_object:
                self.shape(key, local, inside=inside)
            # A field that may be missing stays missing in an object; whoever reads it there is told.
            pairs = [pair for pair in node.lhs_object if not self.passes_on_nothing(*pair)]
            shapes = [(key, self.shape(value, local, inside=inside)) for key, value in pairs]
            return {str(key.value): shape for key, shape in shapes if key.type == "string"}
        if kind == "unary" and node.value == "[":
            return [self.shape(inner, local, inside=inside) for inner in node.expressions]
        if kind == "condition":
            self.shape(node.condition, local, inside=inside)
            both = [self.shape(part, local, inside=inside) for part in (node.then, node._else) if part is not None]
            return meet(both[0], both[1]) if len(both) == 2 else both[0]
        for inner in children(node):
            self.shape(inner, local, inside=inside)
        return SCALAR if kind in {"string", "number", "value", "binary", "regex"} else ANY

    def passes_on_nothing(self, key: Any, value: Any) -> bool:
        """Whether a pair is ``'x': $states.input.x`` where it is not certain that the input has an x."""
        if not isinstance(self.scope.input, dict) or key.type != "string" or value.type != "path":
            return False
        steps = [str(step.value) for step in value.steps]
        return steps == ["states", "input", str(key.value)] and steps[2] not in self.scope.input

    def block(self, node: Any, local: frozenset[str], inside: bool) -> Shape:
        shape: Shape = ANY
        for inner in node.expressions:
            if inner.type == "bind":
                name = str(inner.lhs.value)
                if name in self.scope.variables:
                    self.report("shadow", f"${name} hides a variable of the machine")
                # A function may call itself.
                own = {name} if inner.rhs.type == "lambda" else set()
                self.shape(inner.rhs, local | own, inside=inside)
                local |= {name}
                shape = ANY
            else:
                shape = self.shape(inner, local, inside=inside)
        return shape

    def variable(self, name: str, local: frozenset[str], inside: bool) -> Shape:
        if name in {"", "$"}:
            if not inside:
                self.report("bare-name", f"${name} at the top level")
        elif name not in local | self.scope.variables | BUILTINS | {"states"}:
            self.report("variable", f"${name} is not assigned on every path that leads here")
        return ANY

    def call(self, node: Any, local: frozenset[str], inside: bool) -> Shape:
        name = str(getattr(node.procedure, "value", ""))
        if name in {"exists", "boolean"}:
            quiet = _Walk(replace(self.scope, input=ANY), self.where)
            for argument in node.arguments:
                quiet.shape(argument, local, inside=inside)
            return SCALAR
        self.shape(node.procedure, local, inside=inside)
        shapes = [self.shape(argument, local, inside=inside) for argument in node.arguments]
        if name == "merge" and len(shapes) == 1:
            return self.merge(shapes[0])
        if name == "append" and len(shapes) == 2 and all(isinstance(shape, list) for shape in shapes):
            return [*shapes[0], *shapes[1]]
        return ANY

    def merge(self, parts: Shape) -> Shape:
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            if isinstance(parts, list) and SCALAR in parts:
                self.report("merge", "$merge of something that is no object")
            return ANY
        merged: dict[str, Shape] = {}
        for part in parts:
            merged |= part
        return merged

    def path(self, node: Any, local: frozenset[str], inside: bool) -> Shape:
        first, *rest = node.steps
        if first.type == "variable" and first.value == "states":
            shape, rest = self.states(rest)
        else:
            shape = self.shape(first, local, inside=inside)
        for step in rest:
            if step.type == "name":
                shape = self.read(shape, str(step.value))
            elif step.type == "unary" and step.value == "[":
                fields = [self.element(shape, inner, local) for inner in step.expressions]
                shape = fields
            else:
                self.shape(step, local, inside=True)
                shape = ANY
            for stage in step.stages or ():
                for inner in children(stage):
                    self.shape(inner, local, inside=True)
                shape = ANY
        return shape

    def element(self, shape: Shape, node: Any, local: frozenset[str]) -> Shape:
        if node.type == "path" and node.steps[0].type == "name":
            for step in node.steps:
                shape = self.read(shape, str(step.value))
            return shape
        return self.shape(node, local, inside=True)

    def states(self, rest: list[Any]) -> tuple[Shape, list[Any]]:
        name = str(rest[0].value) if rest else ""
        if name == "input":
            return self.scope.input, rest[1:]
        if name == "result":
            if self.scope.result is None:
                self.report("result", "$states.result where there is none")
            return (ANY if self.scope.result is None else self.scope.result), rest[1:]
        if name == "errorOutput":
            if not self.scope.error:
                self.report("error-output", "$states.errorOutput outside a catcher")
            return {"Error": SCALAR, "Cause": SCALAR}, rest[1:]
        if name == "context":
            names = [str(step.value) for step in rest[1:3]]
            if names and names[0] not in CONTEXT:
                self.report("context", f"the context has no {names[0]}")
            if names == ["Task", "Token"] and not self.scope.token:
                self.report("token", "a task token exists in Arguments of .sync and .waitForTaskToken tasks only")
            return ANY, rest[1:]
        self.report("context", f"$states has no {name!r}")
        return ANY, rest[1:]

    def read(self, shape: Shape, name: str) -> Shape:
        if shape == ANY:
            return ANY
        if isinstance(shape, dict) and name in shape:
            return shape[name]
        have = f"only {sorted(shape)}" if isinstance(shape, dict) else f"a value that is {shape}"
        self.report("input", f"{name!r} is read, but on some path there is {have}")
        return ANY


def meet(one: Shape, other: Shape) -> Shape:
    """What is certain of a value that is the one or the other."""
    if one == other or other == ANY:
        return one
    if one == ANY:
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: meet(one[key], other[key]) for key in one.keys() & other.keys()}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [meet(*pair) for pair in zip(one, other, strict=True)]
    return SCALAR
