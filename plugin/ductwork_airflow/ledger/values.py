"""Plain Python values and DynamoDB's typed ones. Numbers come back as int where they are whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from ductwork.contracts.json_types import JsonObject

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# Any: each attribute of an item is of its own type; who reads an item of a known kind casts it to its contract.
Item = dict[str, Any]

# What most values are. Only what is something else is asked whether it is of one of the abstract types of collections:
# the first time such a type is asked of a class, it goes through all classes that Airflow has made of it.
_SCALARS = frozenset({str, bytes, bool, int, Decimal, type(None)})
_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def typed(values: JsonObject) -> dict[str, AttributeValueTypeDef]:
    return {key: _serializer.serialize(_to_decimal(value)) for key, value in values.items()}


def plain(values: Mapping[str, AttributeValueTypeDef]) -> Item:
    return {key: _from_decimal(_deserializer.deserialize(value)) for key, value in values.items()}


def _to_decimal(value: object) -> object:
    if type(value) in _SCALARS:
        return value
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {key: _to_decimal(inner) for key, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, set)):
        return [_to_decimal(inner) for inner in value]
    return value


def _from_decimal(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _from_decimal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_from_decimal(inner) for inner in value]
    return value
