"""JSONata for moto's interpreter, in the place of the Java engine it leaves out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from moto.stepfunctions.parser.api import EvaluationFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.eval import states, variable_store
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata

from ductwork_airflow.embedded_aws.jsonata.engine import QueryError, aws_time, evaluate

if TYPE_CHECKING:
    from moto.stepfunctions.parser.asl.eval.environment import Environment


def patch_eval_hook() -> None:
    """moto's ``_eval_jsonata`` is an empty hook: calling it raises TypeError. JSONPath-mode variables go through it."""
    moto_jsonata._eval_jsonata = evaluate


def patch_variable_declarations() -> None:
    """moto writes string values into the expression between bare quotes, which breaks on quotes and backslashes."""

    def encode(bindings: Mapping[str, object]) -> str:
        return "".join(f"{name}:={_literal(value)};" for name, value in bindings.items())

    for module in (moto_jsonata, states, variable_store):
        module.encode_jsonata_variable_declarations = encode


def _literal(value: object) -> str:
    return json.dumps(value, default=lambda other: aws_time(other) if isinstance(other, datetime) else str(other))


def patch_expressions() -> None:
    """moto evaluates an expression up to three times with all variables written into its text, and takes undefined
    for null. Ours binds values and evaluates once."""

    def eval_body(self: string_expression.StringJSONata, env: Environment) -> None:
        try:
            env.stack.append(evaluate(self.expression, _bindings(self.expression, env)))
        except QueryError as error:
            raise FailureEventException(evaluation_failed(env, str(error))) from error

    string_expression.StringJSONata._eval_body = eval_body


def _bindings(expression: str, env: Environment) -> dict[str, object]:
    """``$states`` and those variables whose names occur in the expression."""
    store = env.variable_store
    variables = {**store._outer_scope, **store._inner_scope}
    used = set(re.findall(r"\$([A-Za-z_][A-Za-z0-9_]*)", expression))
    return {name: variables[name] for name in used & variables.keys()} | {"states": _states(env)}


def _states(env: Environment) -> dict[str, object]:
    data = dict(env.states._states_data)
    context = dict(data["context"])
    if state := context.get("State"):
        entered = datetime.fromisoformat(str(state["EnteredTime"]).replace("Z", "+00:00"))
        context["State"] = {**state, "EnteredTime": aws_time(entered)}
    return {**data, "context": context}


def evaluation_failed(env: object, cause: str) -> FailureEvent:
    """The failure ``States.QueryEvaluationError`` with its ``EvaluationFailed`` event."""
    name = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
    details = EvaluationFailedEventDetails(cause=cause, error=name.error_name)
    return FailureEvent(
        env=env,
        error_name=name,
        event_type=HistoryEventType.EvaluationFailed,
        event_details=EventDetails(evaluationFailedEventDetails=details),
    )
