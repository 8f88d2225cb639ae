"""TransactWriteItems: all of a few writes, or none."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

# What cancels a transaction only because somebody else is at work, by the reasons' codes.
_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_UNKNOWN = frozenset({"UnknownOperationException", "UnsupportedOperationException"})
_ATTEMPTS = 8
_FIRST_WAIT_SECONDS = 0.05


class Unsupported(Exception):
    """The server knows no transactions."""


def write(client: Any, writes: Sequence[Mapping[str, Any]]) -> bool:
    """Carry out all writes, or none. False if a condition did not hold.

    botocore sends a request whose reply was lost again with the same token, and DynamoDB does it once.

    :param client: a low-level DynamoDB client
    :param writes: entries of ``TransactItems``
    :raises Unsupported: the server knows no transactions
    """
    wait = _FIRST_WAIT_SECONDS
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            client.transact_write_items(TransactItems=list(writes))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _UNKNOWN:
                raise Unsupported from error
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
            if "ConditionalCheckFailed" in reasons:
                return False
            if not reasons & _PASSING or attempt == _ATTEMPTS:
                raise
            time.sleep(wait * random.uniform(0.5, 1.5))
            wait *= 2
        else:
            return True
    raise AssertionError("the last attempt returns or raises")
