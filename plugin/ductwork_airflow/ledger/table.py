"""The ledger's table: its keys, index, stream and expiry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError
from ductwork.contracts import ledger as schema

from ductwork_airflow.aws.errors import TABLE_EXISTS, UNKNOWN_OPERATION, code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import KeySchemaElementTypeDef


class LedgerError(RuntimeError):
    """A request that the ledger cannot carry out; the message says what to do."""


def create_table(client: DynamoDBClient, table: str) -> bool:
    """Create the table with its index, stream and TTL unless it exists. True if this call created it.

    :param client: a low-level DynamoDB client
    :raises LedgerError: the table does not become active
    """
    try:
        client.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=_keys("pk", "sk"),
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "dag_id", "started_at")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": schema.INDEX_BY_DAG,
                    "KeySchema": _keys("dag_id", "started_at"),
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        created = True
    except ClientError as error:
        if code(error) != TABLE_EXISTS:
            raise
        created = False
    try:
        client.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    except WaiterError as error:
        raise LedgerError(f"table {table!r} did not become active: {error}") from error
    if created:
        _enable_ttl(client, table)
    return created


def _enable_ttl(client: DynamoDBClient, table: str) -> None:
    try:
        client.update_time_to_live(
            TableName=table,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": schema.TTL_ATTRIBUTE},
        )
    except ClientError as error:
        # DynamoDB-compatible servers without TTL keep items for ever, which loses nothing.
        if code(error) not in UNKNOWN_OPERATION:
            raise


def _keys(partition: str, sort: str) -> list[KeySchemaElementTypeDef]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
