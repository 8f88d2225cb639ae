"""BatchGetItem: many items by their keys."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

Key = tuple[str, str]

LIMIT = 100  # items a request, DynamoDB's own limit
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 5.0


def items(client: Any, table: str, keys: Sequence[Key]) -> dict[Key, Any]:
    """The items that there are, in DynamoDB's typed values, by partition key and sort key.

    :param client: a low-level DynamoDB client
    """
    found: dict[Key, Any] = {}
    waiting = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in dict.fromkeys(keys)]
    wait = _FIRST_WAIT_SECONDS
    while waiting:
        asked, waiting = waiting[:LIMIT], waiting[LIMIT:]
        reply = client.batch_get_item(RequestItems={table: {"Keys": asked, "ConsistentRead": True}})
        # DynamoDB answers with at most 16 MB, and with less where it is busy.
        left = reply.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        waiting += left
        found |= {(item["pk"]["S"], item["sk"]["S"]): item for item in reply["Responses"].get(table, ())}
        if len(left) == len(asked):
            time.sleep(wait * random.uniform(0.5, 1.5))
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
    return found
