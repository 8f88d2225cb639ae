"""LambdaInvokeFunctionOperator: the machine invokes the function."""

from __future__ import annotations

import json

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir.aws_call import Answer, AwsCall, Check, Failure, Parsed, Phrase
from ductwork.rules.aws_calls import Given, call_rule, given_members
from ductwork.rules.base import Decline

_MEMBERS = {
    "FunctionName": "function_name",
    "InvocationType": "invocation_type",
    "LogType": "log_type",
    "ClientContext": "client_context",
    "Payload": "payload",
    "Qualifier": "qualifier",
}
# What tells the worker's log how the function went; a machine has none.
_LOG = "log_type"
_NOT_EXECUTED = "ValueError: Lambda function did not execute"


def _invoke(given: Given) -> AwsCall | Decline:
    if given.is_set(_LOG):
        return Decline("log_type is set, and a machine has no log for the function's, so a worker invokes it")
    request = given_members(**{member: given[argument] for member, argument in _MEMBERS.items() if member != "Payload"})
    if (payload := given["payload"]) is not None:
        text = payload if isinstance(payload, str) else None
        if text is not None and not _is_kept(text):
            return Decline("payload is no JSON that Step Functions hands on as it is, so a worker invokes it")
        # A call of the SDK's takes JSON, and makes the text of it itself.
        request["Payload"] = json.loads(text) if text is not None else Parsed(payload)
    invoked = Answer(("Payload",))
    return AwsCall(
        why="the machine invokes the function",
        service="lambda",
        action="Invoke",
        arguments=request,
        failures=(
            Failure(Check(("StatusCode",), (200, 202, 204), negated=True), _NOT_EXECUTED),
            Failure(
                Check(("FunctionError",)),
                Phrase(("ValueError: Lambda function execution resulted in error: ", invoked)),
            ),
        ),
        returns=invoked,
    )


def _is_kept(text: str) -> bool:
    """Whether a text is JSON of texts, booleans and numbers that mean the same wherever JSON is read."""
    try:
        value = json.loads(text)
    except ValueError:
        return False
    # Step Functions takes null for an argument that is left out.
    return value is not None and _has_plain_numbers(value)


def _has_plain_numbers(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_has_plain_numbers, value.values()))
    if isinstance(value, list):
        return all(map(_has_plain_numbers, value))
    return not isinstance(value, (int, float)) or abs(value) < 10**15


RULE = call_rule(
    "lambda_invoke",
    {"airflow.providers.amazon.aws.operators.lambda_function.LambdaInvokeFunctionOperator": _invoke},
    f"{AMAZON_PROVIDER}/operators/lambda.html",
    arguments=_MEMBERS,
)
