"""The arguments of service integrations, validated as botocore would validate them.

Expressions and ``${Substitutions}`` are replaced by legal sample values first; what botocore's models do not say (name
patterns, the size of container overrides, placeholders of DynamoDB expressions, reserved words) is checked here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import botocore.loaders
import botocore.model
from asl_problem import Problem, expression_code, scopes
from botocore.validate import ParamValidator
from ductwork.backends.stepfunctions.asl.printer import printed
from ductwork.backends.stepfunctions.ledger_writes import END, END_OF_JOB, END_OF_WAIT
from ductwork.backends.stepfunctions.waits import telling
from ductwork.contracts import shared_request
from ductwork.contracts.sdk_names import java_name
from ductwork_airflow.embedded_aws.jsonata.engine import QueryError, evaluate
from ductwork_airflow.embedded_aws.moto_patches.shapes import BOTO_SERVICES, Spelling, pascal
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

MAX_OVERRIDES_CHARACTERS = 8_192
# A task token may take 2,048 characters; all other samples are as long as real values are.
_TOKEN = "T" * 2_048
_RUN = {
    "id": "scheduled__2026-01-01T00:00:00.000000+00:00",
    "hash": "0123abcd",
    "type": "scheduled",
    "pk": "run#sample#scheduled__2026-01-01T00:00:00+00:00",
    "logical_date": "2026-01-01T00:00:00+00:00",
    "start": "2026-01-01T00:00:00+00:00",
    "end": "2026-01-01T00:00:00+00:00",
    "conf": "{}",
    "refused": "",
    "parts": "arn:aws:states:eu-west-1:123456789012:stateMachine:dag-",
}
# The variable $job is kept beside the members of $run.
_JOB = "the job"
_EXECUTION = {
    "Id": "arn:aws:states:eu-west-1:123456789012:execution:dag:" + "e" * 80,
    "Name": "e" * 80,
    "StartTime": "2026-01-01T00:00:00.000Z",
}
_CONTEXT = {
    "Task": {"Token": _TOKEN},
    "State": {"EnteredTime": "2026-01-01T00:00:00.000Z", "RetryCount": 0},
    "Execution": _EXECUTION,
}
SUBSTITUTIONS = {
    "JobQueue": "arn:aws:batch:eu-west-1:123456789012:job-queue/workers",
    "JobDefinition": "arn:aws:batch:eu-west-1:123456789012:job-definition/worker:1",
    "LedgerTable": "ductwork-ledger",
}
_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_FUNCTIONS = {"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size"}
_FUNCTIONS |= {"if_not_exists", "list_append"}
_SYNTAX = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "IN", "BETWEEN"}
_STATES = "arn:aws:states:::"


def check_requests(machine: dict[str, Any]) -> Iterator[Problem]:
    run = run_of(machine)
    for _, scope in scopes(machine):
        for name, state in scope["States"].items():
            if state["Type"] == "Task":
                yield from _check_task(name, state, run)


def run_of(machine: dict[str, Any]) -> dict[str, Any]:
    """A sample of ``$run``, with what the machine has put there."""
    # A child machine is given its root's.
    return {**(_made_by(machine) or _of_any_root()), **_RUN, _JOB: shared_request.of_machine(machine)}


def check_run(machines: Sequence[dict[str, Any]]) -> Iterator[Problem]:
    """What is read of ``$run`` has been put there: JSONata makes nothing of a member that is none, without a word.

    :param machines: a root, and its children, which are given the root's
    """
    made = _made_by(machines[0])
    for machine in machines if made else ():
        for name in sorted(set(_MEMBER.findall(json.dumps(machine["States"]))) - set(made or ())):
            yield Problem("run", machine["StartAt"], f"$run.{name} is read, and nothing has put it there")


_MEMBER = re.compile(r"\$run\.(\w+)")


def _made_by(machine: dict[str, Any]) -> dict[str, Any] | None:
    code = expression_code(machine["States"].get("Prepare run", {}).get("Assign", {}).get("run"))
    if code is None:
        return None
    arn = "arn:aws:states:eu-west-1:123456789012:execution:machine:name"
    context = {"Execution": {"Id": arn, "StartTime": "2026-01-01T00:00:00.000Z"}, "StateMachine": {"Id": arn}}
    made = evaluate(code, {"states": {"input": {}, "context": context}})
    assert isinstance(made, dict)
    more = expression_code(machine["States"].get("Start run", {}).get("Assign", {}).get("run"))
    added = evaluate(more, {"run": made}) if more else made
    assert isinstance(added, dict)
    return added


@cache
def _of_any_root() -> dict[str, Any]:
    endings = (END, END_OF_WAIT, END_OF_JOB)
    nodes = {each.name: each.shared("ledger") for each in endings} | telling.shared("ledger")
    shared = {name: evaluate(expression_code(printed(node)), {}) for name, node in nodes.items()}
    return {"env": [{"Name": "DUCTWORK_LEDGER_TABLE", "Value": "ledger"}], **shared}


def _check_task(name: str, state: dict[str, Any], run: Mapping[str, Any]) -> Iterator[Problem]:
    resource = state["Resource"]
    match = re.fullmatch(rf"{_STATES}(aws-sdk:)?([\w-]+):(\w+)(\.sync|\.sync:2|\.waitForTaskToken)?", resource)
    if not match:
        yield Problem("resource", name, f"{resource!r} is no service integration")
        return
    by_sdk, service, action = match[1], match[2], match[3]
    operation = _operation(service, action)
    if operation is None:
        yield Problem("resource", name, f"{service} has no operation {action}")
        return
    unknown: list[str] = []
    given = sampled(state.get("Arguments", {}), run)
    if action == "startExecution" and not by_sdk:
        # Step Functions makes text of the object.
        given = {**given, "Input": json.dumps(given["Input"])}
    # How it takes the types of DynamoDB's values, SS or Ss, is not documented.
    spelt = java_name if by_sdk and service != "dynamodb" else pascal
    request = _as_boto(given, operation.input_shape, "Arguments", unknown, spelt)
    for path in unknown:
        yield Problem("argument", name, f"{path} is no member of {action}")
    if errors := ParamValidator().validate(request, operation.input_shape).generate_report():
        yield Problem("argument", name, errors)
    if action == "submitJob":
        yield from check_submit(name, request)
    if service == "dynamodb":
        yield from _check_expressions(name, request)


@cache
def _operation(service: str, action: str) -> botocore.model.OperationModel | None:
    try:
        data = botocore.loaders.Loader().load_service_model(BOTO_SERVICES.get(service, service), "service-2")
    except botocore.exceptions.UnknownServiceError:
        return None
    model = botocore.model.ServiceModel(data)
    wanted = action[0].upper() + action[1:]
    return model.operation_model(wanted) if wanted in model.operation_names else None


def sampled(value: Any, run: Mapping[str, Any] | None = None) -> Any:
    """A JSON value with a legal value for what is known only in a run.

    :param run: a sample of ``$run``
    """
    if isinstance(value, str):
        return _sample(value, run or _RUN)
    if isinstance(value, dict):
        return {key: sampled(inner, run) for key, inner in value.items()}
    return [sampled(inner, run) for inner in value] if isinstance(value, list) else value


def environment_of(machine: dict[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of the container of a state that submits a job, with samples for what is known only in a run."""
    overrides = sampled(state["Arguments"], run_of(machine)).get("ContainerOverrides", {})
    return {each["Name"]: each["Value"] for each in overrides.get("Environment", ())}


class _OfData(str):
    """Stands for what the state's data give, which may be no text."""


# What a state reads of its data stands for a text, or a number of tries.
_DATA = re.compile(r"\$states\.(input|result)((\.(\w+|`[^`]*`))|\[\d+\])*")


def _sample(text: str, run: Mapping[str, Any]) -> Any:
    if (code := expression_code(text)) is None:
        return re.sub(r"\$\{(\w+)\}", lambda match: SUBSTITUTIONS.get(match[1], match[0]), text)
    if code.strip() == "$states.context.Task.Token":
        return _TOKEN
    job = sampled(run.get(_JOB, {}), {})
    bindings = {"run": run, "dagrun": run, "index": 0, "past": "run#sample", "states": {"context": _CONTEXT}}
    bindings |= {shared_request.VARIABLE: job, shared_request.IN_ITERATIONS: job}
    try:
        value = evaluate(_DATA.sub(lambda read: "1" if read[0].endswith(".try") else "'1'", code), bindings)
    except QueryError:  # it makes of the state's data what cannot be made of a text
        return _OfData("1")
    if value == "1":
        return _OfData("1")
    return sampled(value, run) if isinstance(value, (dict, list)) else value


def _as_boto(value: Any, shape: Any, path: str, unknown: list[str], spelt: Spelling) -> Any:
    """A value as boto3 spells it: Step Functions capitalises the members of every API."""
    if isinstance(value, str):
        if shape is not None and shape.type_name in {"map", "structure"} and isinstance(value, _OfData):
            return {}
        number = shape is not None and shape.type_name in {"integer", "long"}
        return int(value) if number and isinstance(value, str) and value.isdigit() else value
    if shape is not None and shape.type_name == "blob":
        return json.dumps(value).encode()
    if isinstance(value, Mapping) and shape is not None and shape.type_name == "structure":
        members = {spelt(member): member for member in shape.members}
        made = {}
        for key, inner in value.items():
            if key not in members:
                unknown.append(f"{path}.{key}")
                continue
            made[members[key]] = _as_boto(inner, shape.members[members[key]], f"{path}.{key}", unknown, spelt)
        return made
    if isinstance(value, Mapping):
        inner_shape = getattr(shape, "value", None)
        return {key: _as_boto(inner, inner_shape, f"{path}.{key}", unknown, spelt) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_boto(inner, getattr(shape, "member", None), f"{path}[]", unknown, spelt) for inner in value]
    return value


def submit_errors(request: Mapping[str, Any]) -> str:
    """What botocore says against a SubmitJob request in boto3's spelling; empty if nothing."""
    return _errors("submitJob", request)


def register_errors(request: Mapping[str, Any]) -> str:
    """The same for a RegisterJobDefinition request."""
    return _errors("registerJobDefinition", request)


def _errors(action: str, request: Mapping[str, Any]) -> str:
    operation = _operation("batch", action)
    assert operation is not None
    return ParamValidator().validate(dict(request), operation.input_shape).generate_report()


def check_submit(name: str, request: Mapping[str, Any]) -> Iterator[Problem]:
    """
    :param request: SubmitJob in boto3's spelling, with sample values
    """
    if not _JOB_NAME.fullmatch(str(request.get("jobName", ""))):
        yield Problem("job-name", name, f"{request.get('jobName')!r} is not a legal job name")
    overrides = request.get("containerOverrides", {})
    size = len(json.dumps(overrides, separators=(",", ":")))
    if size > MAX_OVERRIDES_CHARACTERS:
        yield Problem("overrides", name, f"{size:,} characters of container overrides")
    limit = request.get("timeout", {}).get("attemptDurationSeconds", 60)
    if limit < 60:
        yield Problem("timeout", name, f"{limit} s is under Batch's minimum of 60 s")
    for variable in overrides.get("environment", ()):
        if not variable["name"] or variable["name"].startswith("AWS_BATCH"):
            yield Problem("environment", name, f"{variable['name']!r} is not a legal variable name")


def _check_expressions(name: str, request: Mapping[str, Any]) -> Iterator[Problem]:
    texts = " ".join(str(value) for key, value in request.items() if key.endswith("Expression"))
    for mark, field in (("#", "ExpressionAttributeNames"), (":", "ExpressionAttributeValues")):
        used = set(re.findall(rf"{mark}\w+", texts))
        given = set(request.get(field, {}))
        if used != given:
            yield Problem("placeholder", name, f"{field}: used {sorted(used - given)}, unused {sorted(given - used)}")
    reserved = {word.upper() for word in ReservedKeywords.get_reserved_keywords()}
    for word in re.findall(r"(?<![#:\w])[A-Za-z_]\w*", texts):
        if word not in _FUNCTIONS | _SYNTAX and word.upper() in reserved:
            yield Problem("reserved", name, f"{word} is a reserved word of DynamoDB")
    yield from _check_numbers(name, request)
    yield from _check_nesting(name, request)


def _check_nesting(name: str, value: Any) -> Iterator[Problem]:
    """Whether Step Functions passes values on that are in a map or a list, and how it spells them, is not documented."""
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _check_nesting(name, inner)
    if isinstance(value, Mapping) and len(value) == 1 and (found := value.keys() & {"M", "L"}):
        yield Problem("nested", name, f"{found} in a request of DynamoDB")


def _check_numbers(name: str, value: Any) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        if set(value) == {"N"} and not re.fullmatch(r"-?\d+(\.\d+)?", str(value["N"])):
            yield Problem("number", name, f"{value['N']!r} is not a number")
        for inner in value.values():
            yield from _check_numbers(name, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _check_numbers(name, inner)
