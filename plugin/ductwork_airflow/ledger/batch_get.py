"""BatchGetItem: many items by their keys."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Key = tuple[str, str]

# Items of one request: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
LIMIT = 100
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 5.0


def items(client: DynamoDBClient, table: str, keys: Sequence[Key]) -> dict[Key, dict[str, AttributeValueTypeDef]]:
    """The items that there are, in DynamoDB's typed values, by partition key and sort key.

    :param client: a low-level DynamoDB client
    """
    found: dict[Key, dict[str, AttributeValueTypeDef]] = {}
    waiting: list[Mapping[str, AttributeValueTypeDef]] = [
        {"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in dict.fromkeys(keys)
    ]
    wait = _FIRST_WAIT_SECONDS
    while waiting:
        asked, waiting = waiting[:LIMIT], waiting[LIMIT:]
        reply = client.batch_get_item(RequestItems={table: {"Keys": asked, "ConsistentRead": True}})
        # DynamoDB answers with at most 16 MB, and with less where it is busy.
        unprocessed = reply.get("UnprocessedKeys", {})
        left = unprocessed[table]["Keys"] if table in unprocessed else []
        waiting += left
        found |= {(item["pk"]["S"], item["sk"]["S"]): item for item in reply["Responses"].get(table, ())}
        if len(left) == len(asked):
            time.sleep(wait * random.uniform(0.5, 1.5))
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
    return found
