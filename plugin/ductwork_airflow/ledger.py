"""The ledger: one DynamoDB table that holds runs, task instances, XComs and joins.

Keys, states and ranks are described in :mod:`ductwork.ledger_schema`. Three rules hold for every call here:

* no call scans the table: each one reads or writes known keys, one partition, or the index ``by_dag``;
* a task instance never moves backwards: every write of its state is conditional on a higher rank;
* timestamps are ISO 8601 in UTC with milliseconds and ``Z``; durations are seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError
from ductwork import ledger_schema as schema

from ductwork_airflow import batch_reads, transactions
from ductwork_airflow.aws import Aws
from ductwork_airflow.dynamodb_values import plain, typed
from ductwork_airflow.ledger_table import LedgerError, create_table
from ductwork_airflow.packed import packed, unpacked

__all__ = ["Item", "ItemTooLargeError", "Ledger", "LedgerError", "decoded", "expiry", "now", "timestamp"]

ITEM_LIMIT_BYTES = 400 * 1024

# The character after "#", which parts of sort keys do not contain.
_AFTER_SEPARATOR = chr(ord("#") + 1)

Item = dict[str, Any]


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
        # DynamoDB-compatible servers without transactions get a marker's write after the item's.
        self._has_transactions = True

    @classmethod
    def connect(cls, table: str, aws: Aws | None = None) -> Ledger:
        return cls(table, (aws or Aws()).client("dynamodb"))

    def create_table(self) -> bool:
        """Create the table with its index, stream and TTL unless it exists. True if this call created it."""
        return create_table(self._client, self.table)

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
        return self._put(packed(item), condition="attribute_not_exists(pk)")

    def run(self, dag_id: str, run_id: str) -> Item | None:
        item = self.get(schema.run_pk(dag_id, run_id), schema.RUN_SK)
        return unpacked(item) if item else None

    def runs(self, dag_id: str) -> Iterator[Item]:
        """The runs of a DAG, newest start first."""
        return map(unpacked, self._by_dag(dag_id))

    def run_heads(self, dag_id: str, names: Sequence[str], limit: int) -> list[Item]:
        """Some attributes of a DAG's newest runs, newest start first; what a run says of its tasks may be large.

        :param limit: how many runs at the most
        """
        shown = {f"#{name}": name for name in names}
        found = self._by_dag(dag_id, ExpressionAttributeNames=shown, ProjectionExpression=", ".join(shown), Limit=limit)
        return list(islice(found, limit))

    def _by_dag(self, dag_id: str, **options: Any) -> Iterator[Item]:
        return self._query(
            IndexName=schema.INDEX_BY_DAG,
            KeyConditionExpression="dag_id = :dag_id",
            ExpressionAttributeValues=typed({":dag_id": dag_id}),
            ScanIndexForward=False,
            **options,
        )

    # ---- task instances ----

    def task(self, dag_id: str, run_id: str, task_id: str, map_index: int = schema.UNMAPPED) -> Item | None:
        return self.get(schema.run_pk(dag_id, run_id), schema.task_sk(task_id, map_index))

    def tasks(self, dag_id: str, run_id: str) -> list[Item]:
        """All task instances of a run, with ``task_id`` and ``map_index`` filled in from their keys."""
        found = [_instance(item) for item in self.partition(schema.run_pk(dag_id, run_id), "task#")]
        mapped = {item["task_id"] for item in found if item["map_index"] >= 0}
        return [item for item in found if not (item["task_id"] in mapped and _unexpanded(item))]

    def instances(self, dag_id: str, run_id: str, task_id: str) -> Iterator[Item]:
        """The instances of one task, as :meth:`tasks` gives them, read lazily and in no order of their indexes."""
        return map(_instance, self.partition(schema.run_pk(dag_id, run_id), f"task#{task_id}#"))

    def some_tasks(self, dag_id: str, run_id: str, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Item]:
        """Some task instances by task id and map index, a hundred a request; those that have no item are left out."""
        pk = schema.run_pk(dag_id, run_id)
        found = batch_reads.items(self._client, self.table, [(pk, schema.task_sk(*each)) for each in wanted])
        return {schema.parse_task_sk(sk): plain(item) for (_, sk), item in found.items()}

    def ends(self, dag_id: str, run_id: str, task_id: str) -> Iterator[tuple[int, str]]:
        """The map index and the state of each instance of a mapped task that has ended."""
        for sk in self.sort_keys(schema.run_pk(dag_id, run_id), schema.ended_prefix(task_id)):
            _, _, state, index = sk.split("#")
            yield int(index), state

    def any_ended(self, dag_id: str, run_id: str, task_id: str, state: str) -> bool:
        """Whether any instance of a mapped task has ended so."""
        markers = self.partition(schema.run_pk(dag_id, run_id), schema.ended_prefix(task_id, state), Limit=1)
        return next(markers, None) is not None

    def mapped(self, dag_id: str, run_id: str) -> dict[str, Item]:
        """By task id what a run's mapped tasks expanded to: ``size``, instances that have not begun included, and
        ``job``, what Batch said last of its array jobs in flight (``ids``, and ``states``: children by Batch's state).
        """
        prefix = schema.map_sk("")
        return {item["sk"].removeprefix(prefix): item for item in self.partition(schema.run_pk(dag_id, run_id), prefix)}

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
        return self.move_task(
            schema.run_pk(dag_id, run_id), schema.task_sk(task_id, map_index), changes, condition=condition
        )

    def move_task(
        self,
        pk: str,
        sk: str,
        changes: Mapping[str, Any],
        *,
        condition: str,
        values: Mapping[str, Any] | None = None,
    ) -> bool:
        """:meth:`update` for a change of a task instance's state: a mapped instance's marker (see
        :mod:`ductwork.ledger_schema`) changes with it. True also if a lost reply hid that it was done already.

        :param changes: ``outcome`` must be among them, None where the state is not terminal
        """
        changes = {"updated_at": now(), **changes}
        task_id, map_index = schema.parse_task_sk(sk)
        past: str | None = None
        while True:
            guard = "attribute_not_exists(#outcome)" if past is None else "#outcome = :past_outcome"
            known = dict(values or {}) | ({":past_outcome": past} if past is not None else {})
            old, new = (
                schema.ended_sk(task_id, state, map_index) if state and map_index >= 0 else None
                for state in (past, changes["outcome"])
            )
            request = self._update_request(pk, sk, changes, f"({condition}) AND {guard}", known)
            if self._write_marked(request, old, new, {"pk": pk, "sk": sk, **changes}):
                return True
            item = self.get(pk, sk) or {}
            if _holds(item, changes):
                if not self._has_transactions:
                    self._mark(pk, old, new)
                return True
            if item.get("outcome") == past:
                return False
            past = item.get("outcome")

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
        item = self.get(schema.run_pk(dag_id, run_id), schema.xcom_sk(task_id, key, map_index))
        return decoded(item) if item else None

    def xcoms(self, dag_id: str, run_id: str, task_id: str, key: str, *, descending: bool = False) -> Iterator[Item]:
        """The XComs of all map indexes of one task and key, in order of map index, values decoded, read lazily."""
        items = self.partition(
            schema.run_pk(dag_id, run_id), schema.xcom_prefix(task_id, key), ScanIndexForward=not descending
        )
        return map(decoded, items)

    def xcoms_of_run(self, dag_id: str, run_id: str) -> Iterator[Item]:
        """All XComs of a run, values decoded, read lazily."""
        return map(decoded, self.partition(schema.run_pk(dag_id, run_id), "xcom#"))

    def xcom_keys(self, dag_id: str, run_id: str, task_id: str, map_index: int | None = None) -> list[str]:
        """The keys of a task's XComs, of one map index or of all."""
        if map_index is None:
            items = self.partition(schema.run_pk(dag_id, run_id), f"xcom#{task_id}#")
        else:
            items = self.xcoms_of_instance(dag_id, run_id, task_id, map_index)
        return sorted({item["key"] for item in items})

    def xcoms_of_instance(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> Iterator[Item]:
        """The XComs of one map index, values not decoded.

        A mapped task may have thousands of instances and has few keys: it costs two reads for each key.
        """
        pk = schema.run_pk(dag_id, run_id)
        if map_index < 0:
            yield from (item for item in self.partition(pk, f"xcom#{task_id}#") if item["map_index"] == map_index)
            return
        start, end = f"xcom#{task_id}#", f"xcom#{task_id}{_AFTER_SEPARATOR}"
        while (found := next(self._between(pk, start, end), None)) is not None:
            if item := self.get(pk, schema.xcom_sk(task_id, found["key"], map_index)):
                yield item
            start = schema.xcom_prefix(task_id, found["key"])[:-1] + _AFTER_SEPARATOR

    def delete_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int = schema.UNMAPPED) -> None:
        self.delete(schema.run_pk(dag_id, run_id), schema.xcom_sk(task_id, key, map_index))

    # ---- any item ----

    def put(self, pk: str, sk: str, attributes: Mapping[str, Any]) -> None:
        """Write a whole item.

        :raises ItemTooLargeError: it does not fit
        """
        self._put({"pk": pk, "sk": sk, **attributes})

    def delete(self, pk: str, sk: str) -> None:
        self._client.delete_item(TableName=self.table, Key=typed({"pk": pk, "sk": sk}))

    def partition(self, pk: str, prefix: str, **options: Any) -> Iterator[Item]:
        """The items of a partition whose sort key starts with ``prefix``, in key order, read lazily."""
        return self._query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=typed({":pk": pk, ":prefix": prefix}),
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
        request = self._update_request(pk, sk, changes, condition, values)
        return self._write(self._client.update_item, request, {"pk": pk, "sk": sk, **changes})

    # ---- requests ----

    def _update_request(
        self,
        pk: str,
        sk: str,
        changes: Mapping[str, Any],
        condition: str | None,
        values: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        present = {name: value for name, value in changes.items() if value is not None}
        removed = [name for name in changes if name not in present]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in present)
        if removed:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in removed)
        request = {
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

    def _write_marked(self, update: Mapping[str, Any], old: str | None, new: str | None, item: Item) -> bool:
        """Carry out an update of a task instance, its marker moved from ``old`` to ``new`` in the same transaction."""
        markers = self._marker_writes(item["pk"], old, new)
        if markers and self._has_transactions:
            try:
                return transactions.write(self._client, [{"Update": update}, *markers])
            except transactions.Unsupported:
                self._has_transactions = False
        if not self._write(self._client.update_item, update, item):
            return False
        self._mark(item["pk"], old, new)
        return True

    def _marker_writes(self, pk: str, old: str | None, new: str | None) -> list[dict[str, Any]]:
        place = {"TableName": self.table}
        writes: list[dict[str, Any]] = []
        if old not in {None, new}:
            writes.append({"Delete": {**place, "Key": typed({"pk": pk, "sk": old})}})
        if new is not None:
            writes.append({"Put": {**place, "Item": typed({"pk": pk, "sk": new, "expires_at": expiry()})}})
        return writes

    def _mark(self, pk: str, old: str | None, new: str | None) -> None:
        """Move a marker where the server knows no transactions."""
        for write in self._marker_writes(pk, old, new):
            if "Put" in write:
                self._client.put_item(**write["Put"])
            else:
                self._client.delete_item(**write["Delete"])

    def _put(self, item: Item, condition: str | None = None) -> bool:
        request = {"TableName": self.table, "Item": typed({k: v for k, v in item.items() if v is not None})}
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

    def get(self, pk: str, sk: str) -> Item | None:
        reply = self._client.get_item(TableName=self.table, Key=typed({"pk": pk, "sk": sk}), ConsistentRead=True)
        return plain(reply["Item"]) if "Item" in reply else None

    def sort_keys(self, pk: str, prefix: str) -> list[str]:
        """The sort keys of a partition that start with ``prefix``, in order; nothing else of the items is sent."""
        return [item["sk"] for item in self.partition(pk, prefix, ProjectionExpression="sk")]

    def between(self, pk: str, first: str, last: str) -> Iterator[Item]:
        """The items of a partition from one sort key to another, both included, in key order, read lazily."""
        return self._query(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=typed({":pk": pk, ":first": first, ":last": last}),
            ConsistentRead=True,
        )

    def _between(self, pk: str, start: str, end: str) -> Iterator[Item]:
        """The keys of the items from one sort key to another, one to a page."""
        return self._query(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :start AND :end",
            ExpressionAttributeValues=typed({":pk": pk, ":start": start, ":end": end}),
            ExpressionAttributeNames={"#key": "key"},
            ProjectionExpression="pk, sk, #key",
            ConsistentRead=True,
            Limit=1,
        )

    def _query(self, **request: Any) -> Iterator[Item]:
        while True:
            page = self._client.query(TableName=self.table, **request)
            yield from map(plain, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


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


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _instance(item: Item) -> Item:
    task_id, map_index = schema.parse_task_sk(item["sk"])
    return {**item, "task_id": task_id, "map_index": map_index}


def _unexpanded(item: Item) -> bool:
    """Whether an item stands for a mapped task that a restart has reset, and that has been expanded since."""
    return bool(item["map_index"] < 0 and item.get("state") == "scheduled")


def _holds(item: Item, changes: Mapping[str, Any]) -> bool:
    """Whether an item is as ``changes`` would make it, to the millisecond of the write."""
    present = {name: value for name, value in changes.items() if value is not None}
    gone = changes.keys() - present.keys()
    return plain(typed(present)) == {name: item.get(name) for name in present} and not gone & item.keys()


def decoded(item: Item) -> Item:
    """An XCom's item with the value that its JSON stands for."""
    return {**item, "value": json.loads(item["value"])}
