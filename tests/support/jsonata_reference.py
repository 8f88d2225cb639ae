"""JSONata's reference implementation, whose function library is that of Step Functions, beside the local engine."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from ductwork_airflow.embedded_aws.jsonata.engine import (
    Evaluation,
    NothingError,
    QueryError,
    aws_time,
    evaluate,
    observed,
)
from node import NODE, environment

SCRIPT = Path(__file__).with_suffix(".js")
_BATCH = 500
# No two engines draw alike.
_RANDOM = re.compile(r"\$(random|uuid|shuffle)\b")
_CLOCK = re.compile(r"\$(now|millis)\b")


class Reference:
    """One Node process, started at the first call; it ends with this one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def answers(self, cases: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """``{"value": …}``, ``{"nothing": True}`` or ``{"error": "T2001: …"}`` for each ``{code, bindings, millis}``."""
        return [answer for at in range(0, len(cases), _BATCH) for answer in self._batch(cases[at : at + _BATCH])]

    def _batch(self, cases: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        with self._lock:
            if self._process is None:
                assert NODE is not None
                self._process = subprocess.Popen(
                    [NODE, str(SCRIPT)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=environment("jsonata"),
                    text=True,
                    encoding="utf-8",
                )
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.write(json.dumps(cases) + "\n")
            self._process.stdin.flush()
            answers: list[dict[str, Any]] = json.loads(self._process.stdout.readline())
            return answers


REFERENCE = Reference()


class Evaluations:
    """What the local engine was asked and what it said, each once, as they were at the time."""

    def __init__(self, limit: int | None = None) -> None:
        self._told: dict[str, dict[str, Any]] = {}
        self._limit = limit

    def __len__(self) -> int:
        return len(self._told)

    def add(self, made: Evaluation) -> None:
        if len(self) != self._limit and not _RANDOM.search(made.expression):
            # moto adds to the environment of a job that a state has evaluated.
            self._told[json.dumps(_asked(made), default=_moment)] = copy.deepcopy(_told(made))

    def disagreements(self, reference: Reference = REFERENCE) -> list[str]:
        """Where the reference gives another value, or an error instead of a value."""
        cases = [json.loads(asked) for asked in self._told]
        answers = zip(cases, self._told.values(), reference.answers(cases), strict=True)
        return [
            f"{case['code'].strip()}\n  with {json.dumps(case['bindings'])}\n  here {told}\n  reference {answer}"
            for case, told, answer in answers
            if not _same(told, answer)
        ]


def _asked(made: Evaluation) -> dict[str, Any]:
    """Without the parts of ``$states`` that the expression does not name: most differ from state to state."""
    bindings = dict(made.bindings)
    if "states" in bindings:
        parts = bindings["states"].items()
        bindings["states"] = {name: value for name, value in parts if re.search(rf"\b{name}\b", made.expression)}
    return {
        "code": made.expression,
        "bindings": bindings,
        "millis": made.millis if _CLOCK.search(made.expression) else 0,
    }


def _moment(value: Any) -> str:
    """What AWS's context has as text, moto has as datetimes."""
    return aws_time(value) if isinstance(value, datetime) else str(value)


def _told(made: Evaluation) -> dict[str, Any]:
    if isinstance(made.error, NothingError):
        return {"nothing": True}
    return {"value": made.value} if made.error is None else {"error": str(made.error)}


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if "value" not in one or "value" not in other:
        return one.keys() == other.keys()
    return _text(one["value"]) == _text(other["value"])


def _text(value: Any) -> str:
    """Type and value: ``1`` is not ``true``, ``1.0`` is ``1``."""
    return json.dumps(json.loads(json.dumps(value), parse_int=float), sort_keys=True)


def evaluation(expression: str, bindings: Mapping[str, Any]) -> Evaluation:
    """What the local engine makes of it."""
    made: list[Evaluation] = []
    with observed(made.append), suppress(QueryError):  # an error is in the evaluation
        evaluate(expression, bindings)
    return made[0]


def disagreements(made: Iterable[Evaluation]) -> list[str]:
    """Where the reference gives another value than the local engine, or an error instead of a value."""
    kept = Evaluations()
    for one in made:
        kept.add(one)
    return kept.disagreements()


@contextmanager
def judged(limit: int | None = None) -> Iterator[Evaluations]:
    """All that is evaluated in this process meanwhile has to be what the reference gives, where there is a Node.

    :param limit: so many that differ are enough
    :raises AssertionError: at the end, naming the expressions of which it is not
    """
    made = Evaluations(limit)
    with observed(made.add):
        yield made
    if NODE is not None:
        found = made.disagreements()
        assert not found, f"the reference JSONata disagrees with {len(found)} of {len(made)}:\n" + "\n".join(found[:10])
