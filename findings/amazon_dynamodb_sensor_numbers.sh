#!/usr/bin/env bash
# apache-airflow-providers-amazon 9.39.0, DynamoDBValueSensor: it waits for a value of an attribute that is a number.
# Expected: attribute_value="2", the documented type, sees an item whose attribute is 2, as DynamoDB itself writes numbers as text.
# Seen: never; the sensor compares the text with a Decimal. A list of numbers, which the documentation does not mention, works.
# And a table that does not exist is "not yet": the sensor goes on until its timeout.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 apache-airflow-providers-amazon==9.39.0 apache-airflow-providers-standard==1.21.0 \
    'moto[dynamodb]==5.2.5'
export AIRFLOW_HOME="$work" AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=eu-west-1
env/bin/python -W ignore - 2>airflow.log <<'PY'
import boto3
from airflow.providers.amazon.aws.sensors.dynamodb import DynamoDBValueSensor
from moto import mock_aws


def seen(value, attribute="count", table="orders"):
    key = {"partition_key_name": "id", "partition_key_value": "1"}
    wanted = {"table_name": table, "attribute_name": attribute, "attribute_value": value}
    return DynamoDBValueSensor(task_id="wait", aws_conn_id=None, region_name="eu-west-1", **key, **wanted).poke({})


with mock_aws():
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName="orders", Item={"id": {"S": "1"}, "count": {"N": "2"}, "state": {"S": "done"}})
    answers = {
        "text attribute": seen("done", "state"),
        "number, as text": seen("2"),
        "number, list of texts": seen(["2", "3"]),
        "number, list of numbers": seen([2, 3]),
        "no such table": seen("2", table="nowhere"),
    }
for what, answer in answers.items():
    print(f"{what:26} {answer}", flush=True)
assert list(answers.values()) == [True, False, False, True, False]
PY
