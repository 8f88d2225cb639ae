"""JSONata for moto's interpreter: jsonata-python in the place of the Java engine it leaves out.

Values are bound as data, never written into the expression's text, so quotes, big integers and large inputs are safe.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from jsonata import Jsonata
from jsonata.functions import Functions
from jsonata.utils import Utils
from moto.stepfunctions.parser.api import EvaluationFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.eval import states, variable_store
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata

_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_MAX_RANGE = 1000  # elements, as documented for States.ArrayRange


class QueryError(ValueError):
    """An expression that cannot be evaluated, or gives nothing or something that is not JSON."""


def evaluate(expression: str, bindings: Mapping[str, Any] | None = None) -> Any:
    """The JSON value of a JSONata expression, ``bindings`` being variables without their ``$``.

    :raises QueryError: what AWS reports as States.QueryEvaluationError
    """
    variables = {**_FUNCTIONS, **{name: _to_jsonata(value) for name, value in (bindings or {}).items()}}
    try:
        compiled = Jsonata(expression)
        compiled.set_output_convert_nulls(False)
        result = compiled.evaluate(None, variables)
    except Exception as error:  # the library raises whatever Python does: TypeError, RecursionError, …
        raise QueryError(f"The JSONata expression '{expression}' threw an error: {error}") from error
    if result is None:
        raise QueryError(f"The JSONata expression '{expression}' returned nothing (undefined).")
    return _to_json(result, expression)


def _to_jsonata(value: Any) -> Any:
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, datetime):
        return aws_time(value)
    if isinstance(value, Mapping):
        return {key: _to_jsonata(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_jsonata(inner) for inner in value]
    return value


def _to_json(value: Any, expression: str) -> Any:
    """Plain JSON types; a float without a fraction becomes an integer, as JavaScript prints it."""
    if value is None or value is Utils.NULL_VALUE:
        return None
    if isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _to_json(inner, expression) for key, inner in value.items()}
    if isinstance(value, list):
        return [_to_json(inner, expression) for inner in value]
    raise QueryError(f"The JSONata expression '{expression}' returned an unsupported result type.")


def aws_time(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---- the functions Step Functions adds ----


def _partition(array: list[Any], size: float) -> list[Any]:
    width = int(size)
    if width < 1:
        raise ValueError("$partition needs a chunk size of at least 1")
    return [array[start : start + width] for start in range(0, len(array), width)]


def _range(first: float, last: float, step: float = 1) -> list[Any]:
    """Both ends included."""
    if step == 0:
        raise ValueError("$range needs a step other than 0")
    count = max(0, math.floor((last - first) / step) + 1)
    if count > _MAX_RANGE:
        raise ValueError(f"$range gives more than {_MAX_RANGE} elements")
    return [first + index * step for index in range(count)]


def _hash(data: Any, algorithm: str = "SHA-256") -> str:
    if algorithm not in _HASHES:
        raise ValueError(f"$hash does not know {algorithm!r}, only {', '.join(_HASHES)}")
    text = data if isinstance(data, str) else Functions.string(data, False)
    return hashlib.new(_HASHES[algorithm], text.encode()).hexdigest()


def _random(seed: Any = None) -> float:
    return random.Random(seed).random() if seed is not None else random.random()


def _parse(text: str) -> Any:
    return _to_jsonata(json.loads(text))


def _function(implementation: Callable[..., Any]) -> Any:
    return Jsonata.JLambda(implementation)


_FUNCTIONS: dict[str, Any] = {
    "partition": _function(_partition),
    "range": _function(_range),
    "hash": _function(_hash),
    "random": _function(_random),
    "uuid": _function(lambda: str(uuid.uuid4())),
    "parse": _function(_parse),
    "eval": None,  # not part of Step Functions' JSONata
}


# ---- patches ----


def patch_eval_hook() -> None:
    """moto's ``_eval_jsonata`` is an empty hook: calling it raises TypeError. JSONPath-mode variables go through it."""
    moto_jsonata._eval_jsonata = evaluate


def patch_variable_declarations() -> None:
    """moto writes string values into the expression between bare quotes, which breaks on quotes and backslashes."""

    def encode(bindings: Mapping[str, Any]) -> str:
        return "".join(f"{name}:={_literal(value)};" for name, value in bindings.items())

    for module in (moto_jsonata, states, variable_store):
        module.encode_jsonata_variable_declarations = encode


def _literal(value: Any) -> str:
    return json.dumps(value, default=lambda other: aws_time(other) if isinstance(other, datetime) else str(other))


def patch_expressions() -> None:
    """moto evaluates an expression up to three times with all variables written into its text, and takes undefined
    for null. Ours binds values and evaluates once."""

    def eval_body(self: string_expression.StringJSONata, env: Any) -> None:
        try:
            env.stack.append(evaluate(self.expression, _bindings(self.expression, env)))
        except QueryError as error:
            raise FailureEventException(evaluation_failed(env, str(error))) from error

    string_expression.StringJSONata._eval_body = eval_body


def _bindings(expression: str, env: Any) -> dict[str, Any]:
    """``$states`` and those variables whose names occur in the expression."""
    store = env.variable_store
    variables = {**store._outer_scope, **store._inner_scope}
    used = set(re.findall(r"\$([A-Za-z_][A-Za-z0-9_]*)", expression))
    return {name: variables[name] for name in used & variables.keys()} | {"states": _states(env)}


def _states(env: Any) -> dict[str, Any]:
    data = dict(env.states._states_data)
    context = dict(data["context"])
    if state := context.get("State"):
        entered = datetime.fromisoformat(str(state["EnteredTime"]).replace("Z", "+00:00"))
        context["State"] = {**state, "EnteredTime": aws_time(entered)}
    return {**data, "context": context}


def evaluation_failed(env: Any, cause: str) -> FailureEvent:
    name = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
    details = EvaluationFailedEventDetails(cause=cause, error=name.error_name)
    return FailureEvent(
        env=env,
        error_name=name,
        event_type=HistoryEventType.EvaluationFailed,
        event_details=EventDetails(evaluationFailedEventDetails=details),
    )
