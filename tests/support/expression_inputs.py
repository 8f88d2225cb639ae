"""Inputs for the expressions of a machine: values for what each reads, of the kinds that runs bring."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from typing import Any

from asl_problem import expression_code

_READ = re.compile(r"\$([A-Za-z_]\w*)((?:\.(?:[A-Za-z_]\w*|`[^`]*`|'[^']*'))*)(\()?")
_LOOKUP = re.compile(r"\$lookup\(\$(\w+)((?:\.\w+)*),'([^']*)'\)")
_STEP = re.compile(r"`([^`]*)`|'([^']*)'|(\w+)")
_TIMES = ("2026-01-01T00:00:00+00:00", "2026-03-29T01:59:59.123456+02:00", "2026-01-01T00:00:00Z", "2026-12-31")
_TEXTS = (
    "success",
    "failed",
    "skipped",
    "upstream_failed",
    "",
    "a",
    "7",
    "12.50",
    "manual__2026-01-01",
    'naïve 😀 "q" \\',
)
# None so large that a text or an array of that length would fill the memory.
_NUMBERS = (0, 1, 2, -3, 10, 0.5, 1e-7, 12345.6789012345678, 0.1 + 0.2)
_OTHERS = (None, True, False, [], {}, ["a"], ["success", "failed"], [1, 2, 2], {"a": 1}, {"b": [None, {"ü": 1.50}]})
# Attributes of DynamoDB hold text.
_TYPED = {"N": ("0", "1", "3"), "S": ("success", "failed", "[]"), "BOOL": (True, False), "SS": (["a"], ["a", "b"])}
# What a run brings where a path ends so; the first that fits counts.
_EASY = (
    *((f"/{name}$", values) for name, values in _TYPED.items()),
    (r"date|Time|interval|run/end$|run/start$", _TIMES),
    (r"try$|size$|the counts/|Count|_length$|index$|Index$", (0, 1, 2)),
    ("StartedAt$", (1767323045123,)),
    ("join$", ({"success": {"SS": ["a"]}, "marked": {"SS": ["right"]}},)),
    ("run/refused$", ("",)),
    (r"run/ending\w*$", ({"TableName": "ledger", "ReturnValues": "ALL_NEW"},)),
    ("run/env$", ([{"Name": "DUCTWORK_DAG_ID", "Value": "it"}, {"Name": "DUCTWORK_MAP_INDEX", "Value": "-1"}],)),
    ("^(dag)?job$", ({"JobQueue": "queue", "JobDefinition": "worker"},)),
    ("run/conf$", ("{}", '{"a": 1764437493415123}')),
    ("done$", ({f"{task}[{index}]": "success" for task in ("export", "load.stage") for index in range(3)},)),
    (r"input$|result$|Attributes$|the counts$|LastEvaluatedKey$", ({}, {"a": "success"})),
    ("", _TEXTS[:4]),
)


def expressions(value: Any) -> Iterator[str]:
    """The code of all expressions in a machine, or in a part of one."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)
    elif (code := expression_code(value)) is not None:
        yield code


def inputs(code: str, samples: int) -> Iterator[dict[str, Any]]:
    """Variables for it: always the same for the same code. The first sample has texts everywhere, so that most goes well."""
    draw = random.Random(code)
    for number in range(samples):
        bindings: dict[str, Any] = {}
        for path in _paths(code):
            _put(bindings, path, _leaf(draw, path, easy=not number))
        yield bindings


def _paths(code: str) -> Iterator[list[str]]:
    for name, steps, called in _READ.findall(code):
        if not called:
            yield [name, *("".join(step) for step in _STEP.findall(steps))]
    for name, steps, key in _LOOKUP.findall(code):
        yield [name, *steps.split(".")[1:], key]


def _leaf(draw: random.Random, path: list[str], *, easy: bool) -> Any:
    if easy:
        return draw.choice(next(values for names, values in _EASY if re.search(names, "/".join(path))))
    last = path[-1]
    return draw.choice(_TYPED.get(last, (*_TEXTS, *_NUMBERS, *_OTHERS, *_TIMES)))


def _put(where: dict[str, Any], path: list[str], value: Any) -> None:
    for step in path[:-1]:
        inner = where.setdefault(step, {})
        if not isinstance(inner, dict):
            inner = where[step] = {}
        where = inner
    if not isinstance(where.get(path[-1]), dict) or not where[path[-1]]:
        where[path[-1]] = copy.deepcopy(value)
