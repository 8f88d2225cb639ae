"""Plain Python values and DynamoDB's typed ones. Numbers come back as int where they are whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def typed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _serializer.serialize(_to_decimal(value)) for key, value in values.items()}


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _from_decimal(_deserializer.deserialize(value)) for key, value in values.items()}


def _to_decimal(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {key: _to_decimal(inner) for key, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, set)):
        return [_to_decimal(inner) for inner in value]
    return value


def _from_decimal(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _from_decimal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_from_decimal(inner) for inner in value]
    return value
