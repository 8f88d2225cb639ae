"""Freeing what an execution held when it broke: it could not hand its slots on itself."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from ductwork_airflow.ledger import Item
from ductwork_airflow.mirror.connection import Connection

# Nobody waits for the token any more.
_GONE = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


def free(aws: Connection, run: Item) -> None:
    """Take the run's newest execution out of the holders of every limit it is under, and wake who waits for that.

    Doing it again changes nothing; a machine finds out by itself, though later, that a holder no longer runs.
    """
    for pk, sk in run.get("limits") or ():
        _free(aws, {"pk": {"S": pk}, "sk": {"S": sk}}, run["execution_arn"])


def _free(aws: Connection, key: dict[str, Any], execution: str) -> None:
    client, table = aws.client("dynamodb"), aws.ledger.table
    item = client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item") or {}
    holders = item.get("holders", {}).get("SS", [])
    for holder in holders:
        if holder.split("#")[0] != execution:
            continue
        token: str | None = _hand_on(client, table, key, holder)
        while token and not _woken(aws, token):
            token = _hand_on(client, table, key, holder)


def _hand_on(client: Any, table: str, key: dict[str, Any], holder: str) -> str | None:
    """The token of the first in the queue, who is taken out of it."""
    old = client.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="DELETE holders :mine REMOVE queue[0]",
        ExpressionAttributeValues={":mine": {"SS": [holder]}},
        ReturnValues="ALL_OLD",
    )["Attributes"]
    queue = old.get("queue", {}).get("L", [])
    return queue[0]["S"] if queue else None


def _woken(aws: Connection, token: str) -> bool:
    try:
        aws.stepfunctions.send_task_success(taskToken=token, output="{}")
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return False
    return True
