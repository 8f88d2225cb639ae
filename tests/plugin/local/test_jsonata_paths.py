"""Paths as this engine walks them and as the port that it is made of does: the same value, or the same refusal."""

from __future__ import annotations

from typing import Any

import pytest
from ductwork_airflow.embedded_aws.jsonata.overrides import NULL, ReferenceJsonata
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonata import Jsonata

NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.sampled_from([NULL, True, 0, 1, 2.5, "", "text"])
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
STEPS = st.sampled_from(
    ["a", "b", "c", "a[]", "b[0]", "c[-1]", "a[b]", "*", "**", "$", "(a)", "{'a': b}", "[a]", "%.a"]
)
FIRST = st.sampled_from(["$v", "$w", "$", "a", "b", "[$v]", "$f($v)", "$missing"])
PATHS = st.builds(lambda first, steps: ".".join([first, *steps]), FIRST, st.lists(STEPS, max_size=4))


class OfThePort(ReferenceJsonata):
    """The port's own ways through an expression."""

    eval = Jsonata.eval
    evaluate_path = Jsonata.evaluate_path


def value(kind: type[ReferenceJsonata], expression: str, document: object) -> tuple[str, Any]:
    """What it gives; JSON's null is another value than nothing."""
    try:
        parsed = kind(expression)
        parsed.set_output_convert_nulls(False)
        Jsonata.CURRENT.jsonata = parsed
        variables = {"v": document, "w": {"a": document, "b": [document]}}
        return "value", repr(parsed.evaluate(document, variables))
    except Exception as error:  # noqa: BLE001 - the port raises whatever Python does, and both have to do the same
        return type(error).__name__, str(error)


@settings(max_examples=400, deadline=None)
@given(PATHS, DOCUMENTS)
def test_paths(path: str, document: object) -> None:
    assignment = "$f := function($x) { $x.a }"
    for expression in (path, f"({assignment}; {path})", f"{path} = $v.a", f"[{path}, {path}]", f"$count({path})"):
        assert value(ReferenceJsonata, expression, document) == value(OfThePort, expression, document)


@pytest.mark.parametrize(
    "expression",
    [
        "$map($v.a, function($x, $i) { $x + $i })",
        "$sum($v.b.(c * 2))",
        "$v.b^(>c).c",
        "$v.b{$string(c): $count($)}",
        "$v.b@$o.c#$i.{'at': $i, 'is': $o.c}",
        "$v ~> |b|{'d': 1}|",
        "($fact := function($n) { $n < 2 ? 1 : $n * $fact($n - 1) }; $fact(20))",
        "$v.a ~> $sum ~> $string",
        "$contains('text', /e./) and $v.missing.more = $nothing",
        "$filter($v.b, function($x) { $x.c > 1 })[0].c",
        "$v.b[c = 2].%.a",
        "($substring(?, 1))('text')",
        "($o := {'sequence': $v.b.c, 'array': [$v.b.c]}; [$o.sequence, $o.array])",
        "($o := {'one': $v.b[c = 1].c[], 'array': [$v.a[0]]}; {'one': $o.one, 'array': $o.array, 'both': [$o.*]})",
        "($s := $v.b[c > 1]; $n := $s[0]; {'s': $s.c, 'n': $n.c, 'all': $s})",
    ],
)
def test_other_nodes(expression: str) -> None:
    document = {"a": [1, 2, 3], "b": [{"c": 1}, {"c": 3}, {"c": 2}]}
    found = value(ReferenceJsonata, expression, document)
    assert found == value(OfThePort, expression, document)
    assert found[0] == "value"
