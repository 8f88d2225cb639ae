"""The ledger: one DynamoDB table that holds runs, task instances, XComs and joins.

Keys, states and ranks are described in :mod:`ductwork.ledger_schema`. Three rules hold for every call here:

* no call scans the table: each one reads or writes known keys, one partition, or the index ``by_dag``;
* a task instance never moves backwards: every write of its state is conditional on a higher rank;
* timestamps are ISO 8601 in UTC with milliseconds and ``Z``; durations are seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError, WaiterError
from ductwork import ledger_schema as schema

from ductwork_airflow.aws import Aws

ITEM_LIMIT_BYTES = 400 * 1024

Item = dict[str, Any]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


class LedgerError(RuntimeError):
    """A request that the ledger cannot carry out; the message says what to do."""


class ItemTooLargeError(LedgerError):
    """An item over DynamoDB's limit of 400 KB (409,600 bytes)."""


def now() -> str:
    return timestamp(datetime.now(timezone.utc))


def timestamp(moment: datetime) -> str:
    """``moment`` as the ledger writes it: UTC, milliseconds, ``Z``."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Ledger:
    """One table. All methods raise :class:`LedgerError` for what a user can mend, botocore's errors otherwise.

    :param table: the table's name
    :param client: a low-level DynamoDB client
    """

    def __init__(self, table: str, client: Any) -> None:
        self.table = table
        self._client = client

    @classmethod
    def connect(cls, table: str, aws: Aws | None = None) -> Ledger:
        return cls(table, (aws or Aws()).client("dynamodb"))

    # ---- the table ----

    def create_table(self) -> bool:
        """Create the table with its index, stream and TTL unless it exists. True if this call created it."""
        try:
            self._client.create_table(
                TableName=self.table,
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
            if _code(error) != "ResourceInUseException":
                raise
            created = False
        try:
            self._client.get_waiter("table_exists").wait(
                TableName=self.table, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
        except WaiterError as error:
            raise LedgerError(f"table {self.table!r} did not become active: {error}") from error
        if created:
            self._enable_ttl()
        return created

    def _enable_ttl(self) -> None:
        try:
            self._client.update_time_to_live(
                TableName=self.table,
                TimeToLiveSpecification={"Enabled": True, "AttributeName": schema.TTL_ATTRIBUTE},
            )
        except ClientError as error:
            # DynamoDB-compatible servers without TTL keep items for ever, which loses nothing.
            if _code(error) not in {"UnknownOperationException", "UnsupportedOperationException"}:
                raise

    # ---- runs ----

    def start_run(self, dag_id: str, run_id: str, **attributes: Any) -> bool:
        """Create a run item in state ``running``. False if this run exists already, which changes nothing."""
        moment = now()
        item = {
            "pk": schema.run_pk(dag_id, run_id),
            "sk": schema.RUN_SK,
            "dag_id": dag_id,
            "run_id": run_id,
            "state": "running",
            "started_at": moment,
            "updated_at": moment,
            **attributes,
        }
        return self._put(item, condition="attribute_not_exists(pk)")

    def run(self, dag_id: str, run_id: str) -> Item | None:
        return self._get(schema.run_pk(dag_id, run_id), schema.RUN_SK)

    def finish_run(self, dag_id: str, run_id: str, state: str, error: str | None = None) -> bool:
        """End a run as ``success`` or ``failed``. False if it has ended already or does not exist."""
        changes = {"state": state, "ended_at": now()} | ({"error": error} if error else {})
        key = (schema.run_pk(dag_id, run_id), schema.RUN_SK)
        return self.update(*key, changes, condition="attribute_exists(pk) AND attribute_not_exists(ended_at)")

    def runs(self, dag_id: str) -> Iterator[Item]:
        """The runs of a DAG, newest start first."""
        return self._query(
            IndexName=schema.INDEX_BY_DAG,
            KeyConditionExpression="dag_id = :dag_id",
            ExpressionAttributeValues=_typed({":dag_id": dag_id}),
            ScanIndexForward=False,
        )

    # ---- task instances ----

    def task(self, dag_id: str, run_id: str, task_id: str, map_index: int = schema.UNMAPPED) -> Item | None:
        return self._get(schema.run_pk(dag_id, run_id), schema.task_sk(task_id, map_index))

    def tasks(self, dag_id: str, run_id: str) -> list[Item]:
        """All task instances of a run, with ``task_id`` and ``map_index`` filled in from their keys."""
        found = []
        for item in self.partition(schema.run_pk(dag_id, run_id), "task#"):
            task_id, map_index = schema.parse_task_sk(item["sk"])
            found.append({**item, "task_id": task_id, "map_index": map_index})
        return found

    def record_task(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        state: str,
        try_number: int,
        *,
        map_index: int = schema.UNMAPPED,
        owner: bool = False,
        instead_of: int | None = None,
        **attributes: Any,
    ) -> bool:
        """Move a task instance forward. False if the ledger already knows something later, which changes nothing.

        :param owner: the caller is the worker of this very try, so states of equal order (``running``, ``deferred``,
            ``up_for_reschedule``) may follow one another; everybody else needs a strictly higher rank
        :param instead_of: a try that was announced and never began: the write takes its place
        :param attributes: further attributes to set; None removes one
        """
        ends = state in schema.TERMINAL_STATES
        changes = {
            "state": state,
            "try_number": try_number,
            "rank": schema.rank(state, max(try_number, instead_of or 0)),
            # Exists only when the task instance has ended; from then on nothing but a further try may change it.
            "outcome": state if ends else None,
            "ended_at": now() if ends else None,
            "expires_at": expiry(),
            **attributes,
        }
        forward = "<=" if owner and not ends else "<"
        condition = (
            f"(attribute_not_exists(#rank) OR #rank {forward} :rank) "
            "AND (attribute_not_exists(#outcome) OR #try_number < :try_number)"
        )
        return self.update(
            schema.run_pk(dag_id, run_id), schema.task_sk(task_id, map_index), changes, condition=condition
        )

    # ---- XComs ----

    def put_xcom(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        key: str,
        value: Any,
        *,
        map_index: int = schema.UNMAPPED,
        mapped_length: int | None = None,
    ) -> None:
        """Store a JSON value.

        :raises ItemTooLargeError: the value does not fit into an item of the ledger
        """
        item: Item = {
            "pk": schema.run_pk(dag_id, run_id),
            "sk": schema.xcom_sk(task_id, key, map_index),
            "task_id": task_id,
            "key": key,
            "map_index": map_index,
            "value": json.dumps(value),
            "updated_at": now(),
            "expires_at": expiry(),
        }
        if mapped_length is not None:
            item["mapped_length"] = mapped_length
        # DynamoDB answers a request of many megabytes with an error that says nothing of items.
        if len(item["value"]) > ITEM_LIMIT_BYTES:
            raise ItemTooLargeError(_too_large(item))
        self._put(item)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int = schema.UNMAPPED) -> Item | None:
        """One XCom item, its ``value`` decoded."""
        item = self._get(schema.run_pk(dag_id, run_id), schema.xcom_sk(task_id, key, map_index))
        return _with_value(item) if item else None

    def xcoms(self, dag_id: str, run_id: str, task_id: str, key: str, *, descending: bool = False) -> Iterator[Item]:
        """The XComs of all map indexes of one task and key, in order of map index, values decoded, read lazily."""
        items = self.partition(
            schema.run_pk(dag_id, run_id), schema.xcom_prefix(task_id, key), ScanIndexForward=not descending
        )
        return map(_with_value, items)

    def xcoms_of_run(self, dag_id: str, run_id: str) -> Iterator[Item]:
        """All XComs of a run, values decoded, read lazily."""
        return map(_with_value, self.partition(schema.run_pk(dag_id, run_id), "xcom#"))

    def count_xcoms(self, dag_id: str, run_id: str, task_id: str, key: str) -> int:
        return self._count(schema.run_pk(dag_id, run_id), schema.xcom_prefix(task_id, key))

    def xcom_keys(self, dag_id: str, run_id: str, task_id: str, map_index: int | None = None) -> list[str]:
        """The keys of a task's XComs, of one map index or of all."""
        items = self.partition(schema.run_pk(dag_id, run_id), f"xcom#{task_id}#")
        return sorted({item["key"] for item in items if map_index is None or item["map_index"] == map_index})

    def delete_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int = schema.UNMAPPED) -> None:
        self.delete(schema.run_pk(dag_id, run_id), schema.xcom_sk(task_id, key, map_index))

    # ---- any item ----

    def put(self, pk: str, sk: str, attributes: Mapping[str, Any]) -> None:
        """Write a whole item.

        :raises ItemTooLargeError: it does not fit
        """
        self._put({"pk": pk, "sk": sk, **attributes})

    def get(self, pk: str, sk: str) -> Item | None:
        return self._get(pk, sk)

    def delete(self, pk: str, sk: str) -> None:
        self._client.delete_item(TableName=self.table, Key=_typed({"pk": pk, "sk": sk}))

    def partition(self, pk: str, prefix: str, **options: Any) -> Iterator[Item]:
        """The items of a partition whose sort key starts with ``prefix``, in key order, read lazily."""
        return self._query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=_typed({":pk": pk, ":prefix": prefix}),
            ConsistentRead=True,
            **options,
        )

    def update(
        self,
        pk: str,
        sk: str,
        changes: Mapping[str, Any],
        *,
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> bool:
        """Set attributes of one item (None removes one), and ``updated_at``. False if the condition did not hold.

        :param condition: may use ``#name`` and ``:name`` of any attribute in ``changes``
        :param values: further values the condition uses, e.g. ``{":pid": 7}``
        """
        changes = {"updated_at": now(), **changes}
        present = {name: value for name, value in changes.items() if value is not None}
        removed = [name for name in changes if name not in present]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in present)
        if removed:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in removed)
        request = {
            "TableName": self.table,
            "Key": _typed({"pk": pk, "sk": sk}),
            "UpdateExpression": expression,
            "ExpressionAttributeNames": {f"#{name}": name for name in changes},
            "ExpressionAttributeValues": _typed(
                {f":{name}": value for name, value in present.items()} | dict(values or {})
            ),
        }
        if condition:
            request["ConditionExpression"] = condition
        return self._write(self._client.update_item, request, {"pk": pk, "sk": sk, **present})

    # ---- requests ----

    def _put(self, item: Item, condition: str | None = None) -> bool:
        request = {"TableName": self.table, "Item": _typed({k: v for k, v in item.items() if v is not None})}
        if condition:
            request["ConditionExpression"] = condition
        return self._write(self._client.put_item, request, item)

    def _write(self, call: Any, request: Mapping[str, Any], item: Item) -> bool:
        try:
            call(**request)
        except ClientError as error:
            if _code(error) == "ConditionalCheckFailedException":
                return False
            if _code(error) == "ValidationException" and "size" in str(error).lower():
                raise ItemTooLargeError(_too_large(item)) from error
            raise
        return True

    def _get(self, pk: str, sk: str) -> Item | None:
        reply = self._client.get_item(TableName=self.table, Key=_typed({"pk": pk, "sk": sk}), ConsistentRead=True)
        return _plain(reply["Item"]) if "Item" in reply else None

    def _query(self, **request: Any) -> Iterator[Item]:
        while True:
            page = self._client.query(TableName=self.table, **request)
            yield from map(_plain, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _count(self, pk: str, prefix: str) -> int:
        pages = self._client.get_paginator("query").paginate(
            TableName=self.table,
            Select="COUNT",
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=_typed({":pk": pk, ":prefix": prefix}),
        )
        return sum(page["Count"] for page in pages)


def expiry(days: int = schema.RETENTION_DAYS) -> int:
    """When an item written now expires, in epoch seconds."""
    return int(time.time()) + days * 86400


def _too_large(item: Item) -> str:
    size = len(json.dumps(item, default=str).encode())
    return (
        f"item {item['sk']!r} of about {size:,} bytes is over DynamoDB's limit of {ITEM_LIMIT_BYTES:,} bytes: "
        "return a reference (an S3 key) in place of the data, or configure Airflow's object-storage XCom backend "
        "([core] xcom_backend)"
    )


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _with_value(item: Item) -> Item:
    return {**item, "value": json.loads(item["value"])}


def _typed(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _serializer.serialize(_to_decimal(value)) for key, value in plain.items()}


def _plain(typed: Mapping[str, Any]) -> Item:
    return {key: _from_decimal(_deserializer.deserialize(value)) for key, value in typed.items()}


def _to_decimal(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {key: _to_decimal(inner) for key, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, set)):
        return [_to_decimal(inner) for inner in value]
    return value


def _from_decimal(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _from_decimal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_from_decimal(inner) for inner in value]
    return value
