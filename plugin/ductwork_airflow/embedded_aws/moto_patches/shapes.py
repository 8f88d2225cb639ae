"""Step Functions spells every API in PascalCase; botocore has each API's own spelling. This maps one to the other."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.response import StreamingBody
from ductwork.contracts.sdk_names import error_prefix

from ductwork_airflow.aws.clients import new_session
from ductwork_airflow.embedded_aws.jsonata.engine import aws_time

# Integrations whose name is not botocore's. Source: SFN:supported-services-awssdk.
BOTO_SERVICES = {
    "sfn": "stepfunctions",
    "states": "stepfunctions",
    "eventbridge": "events",
    "cloudwatchlogs": "logs",
    "elasticmapreduce": "emr",
    "emrserverless": "emr-serverless",
    "emrcontainers": "emr-containers",
    "redshiftdata": "redshift-data",
    "rdsdata": "rds-data",
    "sagemakerruntime": "sagemaker-runtime",
    "bedrockruntime": "bedrock-runtime",
}


class UnsupportedField(ValueError):
    """An argument the API does not have; AWS refuses the state machine."""


_reading = threading.Lock()


@functools.cache
def operation(service: str, action: str) -> OperationModel:
    """The botocore model of an action spelt in any case, with or without underscores."""
    with _reading:  # a hundred branches may begin with the same action
        model = _service(service)
    wanted = action.replace("_", "").lower()
    for name in model.operation_names:
        if name.lower() == wanted:
            return model.operation_model(name)
    raise UnsupportedField(f"{service} has no action {action!r}")


@functools.cache
def _service(name: str) -> ServiceModel:
    return new_session().get_service_model(name)


Spelling = Callable[[str], str]
"""Spells a member of boto3's as an integration does."""


def prefix_of_errors(service: str) -> str:
    """How the errors of an SDK integration begin.

    :param service: as an ARN of the integrations calls it
    """
    return error_prefix(BOTO_SERVICES.get(service.lower(), service.lower()))


def pascal(member: str) -> str:
    """A member of boto3's spelling in that of Step Functions: ``jobName`` is ``JobName``."""
    return member[:1].upper() + member[1:]


@functools.cache
def _members(shape: StructureShape) -> dict[str, str]:
    """Member names by their lower-case spelling: Step Functions writes ``DbInstanceId`` for ``DBInstanceId``."""
    return {name.lower(): name for name in shape.members}


def to_request(arguments: object, shape: Shape | None, where: str = "Arguments") -> object:
    """``arguments`` as botocore wants them. Keys of maps are data and stay; a value that is no text becomes its
    JSON text where the API wants text.

    :raises UnsupportedField: a field the API does not have
    """
    if isinstance(shape, StructureShape) and isinstance(arguments, Mapping):
        members = _members(shape)
        for key in arguments:
            if key.lower() not in members:
                raise UnsupportedField(f"The field '{key}' in {where} is not supported by Step Functions")
        return {
            members[key.lower()]: to_request(value, shape.members[members[key.lower()]], f"{where}.{key}")
            for key, value in arguments.items()
        }
    if isinstance(shape, MapShape) and isinstance(arguments, Mapping):
        return {key: to_request(value, shape.value, f"{where}.{key}") for key, value in arguments.items()}
    if isinstance(shape, ListShape) and isinstance(arguments, list):
        return [to_request(value, shape.member, where) for value in arguments]
    if shape is not None and shape.type_name == "string" and not isinstance(arguments, str):
        return json.dumps(arguments)
    if shape is not None and shape.type_name == "blob" and not isinstance(arguments, bytes):
        return json.dumps(arguments, separators=(",", ":")).encode()
    return arguments


def to_result(value: object, shape: Shape | None, spelt: Spelling = pascal) -> object:
    """A botocore reply as Step Functions shows it. Dictionaries and lists are changed in place, since moto keeps
    references into the reply."""
    if isinstance(value, dict):
        members = shape.members if isinstance(shape, StructureShape) else {}
        for key in list(value):
            inner = members.get(key) if members else getattr(shape, "value", None)
            value[spelt(key) if key in members else key] = to_result(value.pop(key), inner, spelt)
        return value
    if isinstance(value, list):
        value[:] = [to_result(item, getattr(shape, "member", None), spelt) for item in value]
        return value
    if isinstance(value, StreamingBody):
        return value.read().decode()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode(errors="replace")
    if isinstance(value, datetime):
        return aws_time(value)
    return value
