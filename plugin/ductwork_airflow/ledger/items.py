"""The items of one DynamoDB table: read by their keys or by partition, written under conditions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypedDict, cast

from botocore.exceptions import ClientError
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.aws.errors import CONDITIONAL_CHECK_FAILED, VALIDATION, code
from ductwork_airflow.ledger.moments import now
from ductwork_airflow.ledger.table import LedgerError
from ductwork_airflow.ledger.values import Item, plain, typed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        PutItemInputTypeDef,
        QueryInputTypeDef,
        UpdateItemInputTypeDef,
    )
    from typing_extensions import Unpack

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
ITEM_LIMIT_BYTES = 400 * 1024


class ItemTooLargeError(LedgerError):
    """An item over DynamoDB's limit of 400 KB (409,600 bytes)."""


class QueryOptions(TypedDict, total=False):
    """Of DynamoDB's Query."""

    ScanIndexForward: bool
    ProjectionExpression: str
    Limit: int


class Items:
    """One table: reads, and writes under conditions, in plain Python values.

    :param table: the table's name
    :param client: a low-level DynamoDB client
    """

    def __init__(self, table: str, client: DynamoDBClient) -> None:
        self.table = table
        self._client = client

    # ---- reading ----

    def get(self, pk: str, sk: str) -> Item | None:
        """One item; None if there is none."""
        reply = self._client.get_item(TableName=self.table, Key=typed({"pk": pk, "sk": sk}), ConsistentRead=True)
        return plain(reply["Item"]) if "Item" in reply else None

    def instance(self, pk: str, sk: str) -> TaskItem | None:
        """A task instance, by the keys of its item."""
        return cast("TaskItem | None", self.get(pk, sk))

    def partition(self, pk: str, prefix: str, **options: Unpack[QueryOptions]) -> Iterator[Item]:
        """The items of a partition whose sort key starts with ``prefix``, in key order, read lazily."""
        request: QueryInputTypeDef = {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": typed({":pk": pk, ":prefix": prefix}),
            "ConsistentRead": True,
        }
        return self._query(cast("QueryInputTypeDef", {**request, **options}))

    def sort_keys(self, pk: str, prefix: str) -> list[str]:
        """The sort keys of a partition that start with ``prefix``, in order; nothing else of the items is sent."""
        return [item["sk"] for item in self.partition(pk, prefix, ProjectionExpression="sk")]

    def between(self, pk: str, first: str, last: str) -> Iterator[Item]:
        """The items of a partition from one sort key to another, both included, in key order, read lazily."""
        return self._query(self._between(pk, first, last))

    def _keys_between(self, pk: str, first: str, last: str) -> Iterator[Item]:
        """The keys of the same, one to a page."""
        return self._query(
            {
                **self._between(pk, first, last),
                "ExpressionAttributeNames": {"#key": "key"},
                "ProjectionExpression": "pk, sk, #key",
                "Limit": 1,
            }
        )

    def _between(self, pk: str, first: str, last: str) -> QueryInputTypeDef:
        return {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": typed({":pk": pk, ":first": first, ":last": last}),
            "ConsistentRead": True,
        }

    def _query(self, request: QueryInputTypeDef) -> Iterator[Item]:
        while True:
            page = self._client.query(**request)
            yield from map(plain, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    # ---- writing ----

    def put(self, pk: str, sk: str, attributes: JsonObject) -> None:
        """Write a whole item.

        :raises ItemTooLargeError: it does not fit
        """
        self._put({"pk": pk, "sk": sk, **attributes})

    def delete(self, pk: str, sk: str) -> None:
        """Delete an item, if there is one."""
        self._client.delete_item(TableName=self.table, Key=typed({"pk": pk, "sk": sk}))

    def update(
        self,
        pk: str,
        sk: str,
        changes: JsonObject,
        *,
        condition: str | None = None,
        values: JsonObject | None = None,
    ) -> bool:
        """Set attributes of one item (None removes one), and ``updated_at``. False if the condition did not hold.

        :param condition: may use ``#name`` and ``:name`` of any attribute in ``changes``
        :param values: further values the condition uses, e.g. ``{":pid": 7}``
        """
        changes = {"updated_at": now(), **changes}
        request = self._update_request(pk, sk, changes, condition, values)
        return self._update(request, {"pk": pk, "sk": sk, **changes})

    def _update_request(
        self,
        pk: str,
        sk: str,
        changes: JsonObject,
        condition: str | None,
        values: JsonObject | None,
    ) -> UpdateItemInputTypeDef:
        present = {name: value for name, value in changes.items() if value is not None}
        removed = [name for name in changes if name not in present]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in present)
        if removed:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in removed)
        request: UpdateItemInputTypeDef = {
            "TableName": self.table,
            "Key": typed({"pk": pk, "sk": sk}),
            "UpdateExpression": expression,
            "ExpressionAttributeNames": {f"#{name}": name for name in changes},
            "ExpressionAttributeValues": typed(
                {f":{name}": value for name, value in present.items()} | dict(values or {})
            ),
        }
        if condition:
            request["ConditionExpression"] = condition
        return request

    def _update(self, request: UpdateItemInputTypeDef, item: JsonObject) -> bool:
        return self._write(lambda: self._client.update_item(**request), item)

    def _put(self, item: JsonObject, condition: str | None = None) -> bool:
        present = typed({name: value for name, value in item.items() if value is not None})
        request: PutItemInputTypeDef = {"TableName": self.table, "Item": present}
        if condition:
            request["ConditionExpression"] = condition
        return self._write(lambda: self._client.put_item(**request), item)

    @staticmethod
    def _write(call: Callable[[], object], item: JsonObject) -> bool:
        try:
            call()
        except ClientError as error:
            if code(error) == CONDITIONAL_CHECK_FAILED:
                return False
            if code(error) == VALIDATION and "size" in str(error).lower():
                raise ItemTooLargeError(too_large(item)) from error
            raise
        return True


def too_large(item: JsonObject) -> str:
    """What is said of an item that DynamoDB does not take."""
    size = len(json.dumps(item, default=str).encode())
    return (
        f"item {item['sk']!r} of about {size:,} bytes is over DynamoDB's limit of {ITEM_LIMIT_BYTES:,} bytes: "
        "return a reference (an S3 key) in place of the data, or configure Airflow's object-storage XCom backend "
        "([core] xcom_backend)"
    )
