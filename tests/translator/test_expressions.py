"""The printer of expressions: parentheses, quotes, marks, chains that are long, what it refuses."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import ductwork.backends
import pytest
from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Conditional,
    Descendants,
    Grouped,
    Lambda,
    Literal,
    Name,
    Object,
    Operation,
    Range,
    Regex,
    Variable,
    array,
    call,
    either,
    every,
    exists,
    first_of,
    joined,
    lifted,
    merged,
    negated,
    product,
    substituted,
    text_of,
    when,
)
from ductwork.backends.stepfunctions.asl.printer import MOST_LEVELS, code, printed
from ductwork.backends.stepfunctions.asl.scope import INPUT, ITEM, RUN
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonata_eval import evaluate, evaluate_leaves
from jsonata_reference import judged

BACKENDS = Path(ductwork.backends.__file__).parent
A, B, C = (Variable(name) for name in "abc")
VALUES = {"a": 2, "b": 3, "c": 5}


@pytest.fixture(scope="module", autouse=True)
def both_engines():
    with judged():
        yield


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (INPUT.field("t", "state").equals("success"), "$states.input.t.state = 'success'"),
        (INPUT.field("the size", "in", "x1"), "$states.input.`the size`.`in`.x1"),
        (either(A > 1, every(B < 2, either(A, C))), "$a > 1 or $b < 2 and ($a or $c)"),
        (either(A, either(B, C)), "$a or $b or $c"),
        (negated(either(A, B)), "$not($a or $b)"),
        ((A + B) * C, "($a + $b) * $c"),
        (A + B * C, "$a + $b * $c"),
        (A - (B - C), "$a - ($b - $c)"),
        (A - B - C, "$a - $b - $c"),
        (A / (B * C), "$a / ($b * $c)"),
        (A & (B + C), "$a & ($b + $c)"),
        (joined("x", A) & B & joined(C, "y"), "'x' & $a & $b & $c & 'y'"),
        (product(2, A, B), "2 * $a * $b"),
        (when(A, 1, when(B, 2, 3)), "$a ? 1 : $b ? 2 : 3"),
        (when(A, when(B, 1, 2), 3), "$a ? ($b ? 1 : 2) : 3"),
        (when(A, 1, 2).equals(1), "($a ? 1 : 2) = 1"),
        (first_of([(A, "x"), (B, "y")], "z"), "$a ? 'x' : $b ? 'y' : 'z'"),
        (array(when(A, "x"), when(B, "y")), "[$a ? 'x',$b ? 'y']"),
        (array(A).each(Block((Bind(B, ITEM), B))), "[$a].($b := $; $b)"),
        (A.where(Block((Bind(B, ITEM), B))), "$a[($b := $; $b)]"),
        (Block((Bind(B, A), B)), "( $b := $a; $b )"),
        (Lambda((A, B), A & B), "function($a,$b) { $a & $b }"),
        (call("split", A, "#").at(0), "$split($a,'#')[0]"),
        ((A & B).at(0), "($a & $b)[0]"),
        (A.where(ITEM.is_in(["x", "y"])).each(Object(((ITEM, Literal("z")),))), "$a[$ in ['x','y']].{$:'z'}"),
        (Grouped(array(A), Name("t"), Name("e")), "[$a]{t:e}"),
        (A.each(Descendants()).where(ITEM.differs(-1)), "$a.**[$ != -1]"),
        (call("contains", A, Regex(r"^\d+$")), r"$contains($a,/^\d+$/)"),
        (Range(Literal(0), A - 1), "[0..($a - 1)]"),
        (merged(A, {"n": None, "t": True, "x y": [0.5]}), "$merge([$a,{'n':null,'t':true,'x y':[0.5]}])"),
        (lifted({}), "{}"),
        (either(), "false"),
        (every(), "true"),
        (joined(), "''"),
        (product(), "0"),
    ],
)
def test_how_nodes_are_written(node, text):
    assert code(node) == text


NUMBERS = st.one_of(st.sampled_from([A, B, C]), st.integers(-9, 9).map(Literal))
CONDITIONS = st.builds(Operation, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.tuples(NUMBERS, NUMBERS))


def _deeper(inner):
    numbers = st.one_of(NUMBERS, inner)
    sums = st.builds(Operation, st.sampled_from("+-*"), st.lists(numbers, min_size=2, max_size=3).map(tuple))
    return st.one_of(sums, st.builds(Conditional, CONDITIONS, numbers, numbers))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.recursive(NUMBERS, _deeper, max_leaves=12))
def test_parentheses_keep_the_tree(node):
    assert evaluate(code(node), VALUES) == _value(node)


def _value(node):
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Variable):
        return VALUES[node.name]
    if isinstance(node, Conditional):
        return _value(node.then if _value(node.test) else node.otherwise)
    first, *rest = map(_value, node.operands)
    for other in rest:
        first = _OPERATIONS[node.operator](first, other)
    return first


_OPERATIONS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "=": lambda x, y: x == y,
    "!=": lambda x, y: x != y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
}


@pytest.mark.parametrize("number", [9, 64, 65, 1000])
def test_long_chains_do_not_nest(number):
    """Step Functions evaluates about 100 levels, and each operator of a chain is one."""
    flags = [exists(INPUT.field(f"t{at}")) for at in range(number)]
    bindings = {"states": {"input": {f"t{at}": "x" for at in range(number - 1)}}}
    assert evaluate(code(every(*flags)), bindings) is False
    assert evaluate(code(either(*flags)), bindings) is True
    assert evaluate(code(joined(*(text_of(Literal(at)) for at in range(number)))), {}) == "".join(
        map(str, range(number))
    )
    assert evaluate(code(product(*[A] * number)), {"a": 1}) == 1


def test_what_nests_too_deeply_is_refused():
    node = A
    for _ in range(MOST_LEVELS - 1):
        node = negated(node)
    assert code(node).count("$not(") == MOST_LEVELS - 1
    with pytest.raises(ValueError, match="nested deeper than 100 levels"):
        code(negated(node))


def test_paths_are_one_level():
    assert code(INPUT.field(*["x"] * 300)).endswith(".x")


@pytest.mark.parametrize("number", [123456789012345, -123456789012345, 10**20, 0.5, 0.123456789012345, 1e-7, 0, True])
def test_numbers_of_fifteen_digits_come_out_as_they_are(number):
    assert json.loads(code(Literal(number))) == number


@pytest.mark.parametrize("number", [1234567890123456, -1234567890123456, 0.1234567890123456, 0.1 + 0.2])
def test_numbers_of_more_digits_are_refused(number):
    with pytest.raises(ValueError, match="more than 15 digits: let it be text"):
        lifted({"n": [number]})


def test_what_is_no_json_is_no_expression():
    with pytest.raises(TypeError, match="is no expression"):
        lifted({"x": {1, 2}})


def test_an_expression_that_may_give_nothing_is_refused():
    with pytest.raises(ValueError, match=r"\$a \? 1 gives nothing"):
        printed({"x": when(A, 1)})
    assert printed({"x": array(when(A, 1))}) == {"x": "{% [$a ? 1] %}"}


def test_nodes_are_marked_and_texts_that_look_so_are_not_evaluated():
    state = {"Next": "n", "Output": {"a": INPUT, "b": ["{% $x %}", "{% half", 1, None]}}
    assert printed(state) == {
        "Next": "n",
        "Output": {"a": "{% $states.input %}", "b": ["{% '{% $x %}' %}", "{% half", 1, None]},
    }
    assert evaluate_leaves(printed(state)["Output"]["b"], {}) == ["{% $x %}", "{% half", 1, None]


def test_substitution():
    state = {"a": [exists(RUN.field("run")) & "$run", "$run"], "b": Block((Bind(RUN, A), Lambda((RUN,), RUN)))}
    found = substituted(state, RUN, C)
    assert found == {"a": [exists(C.field("run")) & "$run", "$run"], "b": Block((Bind(C, A), Lambda((C,), C)))}
    assert substituted(INPUT.field("x", "input"), INPUT, A) == A.field("x", "input")


ROOMS = [BACKENDS / "stepfunctions", BACKENDS / "chain_machine"]
PRINTER = BACKENDS / "stepfunctions" / "asl" / "printer.py"
EMITTERS = {"stepfunctions/machine.py", "stepfunctions/once.py", "chain_machine/machine.py"}
# Marks what never changes, so that it is printed once; it has no printed code in hand.
MARKS_CONSTANTS = {"stepfunctions/asl/integrations.py"}


def _files():
    return {str(path.relative_to(BACKENDS)): path for room in ROOMS for path in room.rglob("*.py") if path != PRINTER}


def _written(source):
    """The texts in Python code, but for docstrings, that are JSONata: a variable, or the marks."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            texts = [part.value if isinstance(part, ast.Constant) else "x" for part in node.values]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            texts = [node.value]
        else:
            continue
        if re.search(r"\$[a-z]|[{]%|%[}]", text := "".join(texts)):
            yield text


def test_what_counts_as_text():
    source = """"about $run"\na = "$1:$2", f"{x}?$", "{% b %}"\nc = f"${name} & {y}", f"{{% {z} %}}", "$states"\n"""
    assert set(_written(source)) == {"{% b %}", "$x & x", "{% x %}", "$states", "{% ", " %}"}


def test_expressions_are_nodes_and_no_text():
    found = {name: list(_written(path.read_text(encoding="utf-8"))) for name, path in _files().items()}
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_expressions_are_printed_once():
    """By the emitters, whole states at a time: nobody else has printed code that could be cut or joined."""
    users = {name for name, path in _files().items() if "asl.printer" in path.read_text(encoding="utf-8")}
    assert users == EMITTERS | MARKS_CONSTANTS
