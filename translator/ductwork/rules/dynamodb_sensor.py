"""DynamoDBValueSensor: the machine reads the item."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir import AwsSensor
from ductwork.ir.aws_sensor import Absent, Holds, Key
from ductwork.rules.aws_calls import Given, depends_on_run
from ductwork.rules.aws_sensors import over, poke, sensor_rule
from ductwork.rules.base import Decline

_SENSOR = "airflow.providers.amazon.aws.sensors.dynamodb.DynamoDBValueSensor"


def _item(given: Given) -> AwsSensor | Decline:
    key = {}
    for part in ("partition", "sort"):
        name, value = given.constant(f"{part}_key_name"), given[f"{part}_key_value"]
        if part == "sort" and not (name and value):
            continue
        if not _is_text(value):
            return Decline(f"{part}_key_value is no text, so a worker says what DynamoDB takes it for")
        key[str(name)] = {"S": value}
    wanted = given["attribute_value"]
    values = wanted if isinstance(wanted, list) else [wanted]
    if not (values and all(map(_is_text, values))):
        return Decline("attribute_value is no text, so a worker compares it")
    return poke(
        "dynamodb",
        "GetItem",
        {"TableName": given["table_name"], "Key": key},
        # A number of the table's is never equal to a text.
        over(Holds(("Item", Key(str(given.constant("attribute_name"))), Key("S")), tuple(values))),
        absent=Absent(any_error=True),
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) or (depends_on_run(value) and not isinstance(value, (dict, list, tuple)))


RULE = sensor_rule(
    "dynamodb_sensor",
    {_SENSOR: _item},
    f"{AMAZON_PROVIDER}/operators/dynamodb.html",
    arguments={"TableName": "table_name", "Key": "partition_key_name"},
)
