"""JSONata as Step Functions evaluates it: jsonata-python with AWS's functions.

Values are bound as data, never written into the expression's text, so quotes and large inputs are safe.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from jsonata import Jsonata
from jsonata.utils import Utils

from ductwork_airflow.embedded_aws.jsonata import javascript
from ductwork_airflow.embedded_aws.jsonata.overrides import ReferenceJsonata, string

_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_MAX_RANGE = 1000  # elements, as documented for States.ArrayRange


class QueryError(ValueError):
    """An expression that cannot be evaluated, or gives nothing or something that is not JSON."""


class NothingError(QueryError):
    """An expression that gives nothing (undefined)."""


@dataclass(frozen=True)
class Evaluation:
    """An expression that was evaluated.

    :param bindings: variables without their ``$``
    :param value: its JSON value, None where there is an error
    :param millis: what ``$millis()`` gave
    """

    expression: str
    bindings: Mapping[str, object]
    value: object
    error: QueryError | None
    millis: int


_observers: list[Callable[[Evaluation], None]] = []


@contextmanager
def observed(observer: Callable[[Evaluation], None]) -> Iterator[None]:
    """Tells the observer of every evaluation in this process, whichever thread makes it."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def evaluate(expression: str, bindings: Mapping[str, object] | None = None) -> object:
    """The JSON value of a JSONata expression, ``bindings`` being variables without their ``$``.

    :raises QueryError: what AWS reports as States.QueryEvaluationError
    """
    try:
        value = _value(expression, bindings or {})
    except QueryError as error:
        _tell(expression, bindings, None, error)
        raise
    _tell(expression, bindings, value, None)
    return value


def _tell(expression: str, bindings: Mapping[str, object] | None, value: object, error: QueryError | None) -> None:
    for observer in tuple(_observers):
        observer(Evaluation(expression, bindings or {}, value, error, Jsonata.CURRENT.jsonata.timestamp))


def _value(expression: str, bindings: Mapping[str, object]) -> object:
    try:
        # An expression can read no other variables, and what it does not read may be large.
        named = {name: value for name, value in bindings.items() if f"${name}" in expression}
        variables = {**_FUNCTIONS, **{name: _to_jsonata(value) for name, value in named.items()}}
        result = _ready(expression).evaluate(None, variables)
    except Exception as error:  # the library raises whatever Python does: TypeError, RecursionError, …
        raise QueryError(f"The JSONata expression '{expression}' threw an error: {error}") from error
    if result is None:
        raise NothingError(f"The JSONata expression '{expression}' returned nothing (undefined).")
    return _to_json(result, expression)


def _ready(expression: str) -> ReferenceJsonata:
    """An evaluation of its own, with the tree of all others of the same expression."""
    run = copy.copy(_parsed(expression))
    # Lambdas go on in what the thread calls its own.
    Jsonata.CURRENT.jsonata = run
    return run


@lru_cache(maxsize=2000)
def _parsed(expression: str) -> ReferenceJsonata:
    parsed = ReferenceJsonata(expression)
    parsed.set_output_convert_nulls(False)
    return parsed


def _to_jsonata(value: object) -> object:
    if isinstance(value, (str, bool)):
        return value
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, (dict, Mapping)):  # an abstract type takes longer to ask
        return javascript.ordered({key: _to_jsonata(inner) for key, inner in value.items()})
    if isinstance(value, (list, tuple)):
        return [_to_jsonata(inner) for inner in value]
    if isinstance(value, datetime):
        return aws_time(value)
    return javascript.number(value) if isinstance(value, int) else value


def _to_json(value: object, expression: str) -> object:
    """Plain JSON types; numbers as JavaScript prints them, and those that JSON does not have as AWS was seen to."""
    if value is None or value is Utils.NULL_VALUE:
        return None
    if isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float)):
        if not math.isfinite(value):
            return str(float(value)).replace("inf", "Infinity").replace("nan", "NaN")
        return json.loads(javascript.printed(value))
    if isinstance(value, dict):
        return {key: _to_json(inner, expression) for key, inner in value.items()}
    if isinstance(value, list):
        return [_to_json(inner, expression) for inner in value]
    raise QueryError(f"The JSONata expression '{expression}' returned an unsupported result type.")


def aws_time(moment: datetime) -> str:
    """A moment as Step Functions writes it: UTC, milliseconds, ``Z``."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---- the functions Step Functions adds ----


def _partition(array: list[object], size: float) -> list[object]:
    width = int(size)
    if width < 1:
        raise ValueError("$partition needs a chunk size of at least 1")
    return [array[start : start + width] for start in range(0, len(array), width)]


def _range(first: float, last: float, step: float = 1) -> list[object]:
    """Both ends included."""
    if step == 0:
        raise ValueError("$range needs a step other than 0")
    count = max(0, math.floor((last - first) / step) + 1)
    if count > _MAX_RANGE:
        raise ValueError(f"$range gives more than {_MAX_RANGE} elements")
    return [first + index * step for index in range(count)]


def _hash(data: object, algorithm: str = "SHA-256") -> str:
    if algorithm not in _HASHES:
        raise ValueError(f"$hash does not know {algorithm!r}, only {', '.join(_HASHES)}")
    text = data if isinstance(data, str) else string(data) or ""
    return hashlib.new(_HASHES[algorithm], text.encode()).hexdigest()


def _random(seed: Any = None) -> float:
    return random.Random(seed).random() if seed is not None else random.random()


def _parse(text: str) -> object:
    return _to_jsonata(json.loads(text, parse_constant=_no_json))


def _no_json(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON, though Python reads it")


def _function(implementation: Callable[..., object]) -> object:
    return Jsonata.JLambda(implementation)


_FUNCTIONS: dict[str, object] = {
    "partition": _function(_partition),
    "range": _function(_range),
    "hash": _function(_hash),
    "random": _function(_random),
    "uuid": _function(lambda: str(uuid.uuid4())),
    "parse": _function(_parse),
    "eval": None,  # not part of Step Functions' JSONata
}
