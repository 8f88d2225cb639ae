"""TransactWriteItems: all of a few writes, or none."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ductwork_airflow.aws.errors import (
    CANCELLED_BY_CONDITION,
    CANCELLED_BY_OTHERS,
    UNKNOWN_OPERATION,
    cancellation_reasons,
    code,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_ATTEMPTS = 8
_FIRST_WAIT_SECONDS = 0.05


class Unsupported(Exception):
    """The server knows no transactions."""


def write(client: DynamoDBClient, writes: Sequence[TransactWriteItemTypeDef]) -> bool:
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
            if code(error) in UNKNOWN_OPERATION:
                raise Unsupported from error
            reasons = cancellation_reasons(error)
            if CANCELLED_BY_CONDITION in reasons:
                return False
            if not reasons & CANCELLED_BY_OTHERS or attempt == _ATTEMPTS:
                raise
            time.sleep(wait * random.uniform(0.5, 1.5))
            wait *= 2
        else:
            return True
    raise AssertionError("the last attempt returns or raises")
