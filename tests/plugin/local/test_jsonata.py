from __future__ import annotations

from typing import Any

import pytest
from ductwork_airflow.embedded_aws.moto_patches.expressions import QueryError, evaluate

VARIABLES = {"text": 'it\'s "q" \\ \n 😀', "big": 2**60 + 1, "nothing": None, "items": [1, None, {"a": []}], "f": 2.0}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$text", VARIABLES["text"]),
        ("$big", 1152921504606847000),
        ("$nothing", None),
        ("$items", VARIABLES["items"]),
        ("$f", 2),
        ("4 / 2", 2),
        ("5 / 2", 2.5),
        ("[$filter([1, 2], function($v) { $v > 1 })]", [2]),
        ("{'a': null, 'b': $missing}", {"a": None}),
        ("$exists($nothing)", True),
        ("$partition([1..5], 2)", [[1, 2], [3, 4], [5]]),
        ("$range(0, 10, 5)", [0, 5, 10]),
        ("$range(3, 1, -1)", [3, 2, 1]),
        ("$hash('a', 'MD5')", "0cc175b9c0f1b6a831c399e269772661"),
        ("$hash('', 'SHA-256')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("$parse('{\"a\": [1, null]}')", {"a": [1, None]}),
        ("$length($uuid())", 36),
        ("$random(7) = $random(7)", True),
        ("$random() < 1", True),
    ],
)
def test_values(expression: str, value: Any) -> None:
    result = evaluate(expression, VARIABLES)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("$missing", "returned nothing"),
        ("$items[9]", "returned nothing"),
        ("1 + 'a'", "threw an error"),
        ("(((", "threw an error"),
        ("$eval('1')", "threw an error"),
        ("$parse('{')", "threw an error"),
        ("$parse('[NaN, -Infinity]')", "threw an error"),
        ("$hash('a', 'CRC')", "threw an error"),
        ("$sum", "unsupported result type"),
    ],
)
def test_failures(expression: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        evaluate(expression, VARIABLES)
