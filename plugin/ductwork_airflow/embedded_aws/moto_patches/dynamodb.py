"""Patches to moto's DynamoDB."""

from __future__ import annotations

import copy
import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from types import NoneType
from typing import Any

from moto.dynamodb.comparisons import OpDefault
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_dynamodb

_Touched = list[tuple[Table, DynamoType, DynamoType]]


def patch_dynamodb_transactions() -> None:
    """moto copies every table that a transaction names, to be able to roll it back: n of them cost n squared.

    Here a transaction works on tables that hold nothing but the items it names, and these go back if it succeeds.
    """
    original = DynamoDBBackend.transact_write_items

    def transact_write_items(self: DynamoDBBackend, transact_items: list[dict[str, object]]) -> None:
        touched = list(_touched(self, transact_items))
        excerpts = {table.name: _excerpt(table, touched) for table, _, _ in touched}
        shadow = copy.copy(self)
        shadow.tables = {**self.tables, **excerpts}
        original(shadow, transact_items)
        for table, partition, sort in touched:
            old, new = _item(table, partition, sort), _item(shadow.tables[table.name], partition, sort)
            if new is not None:
                table.items[partition][sort] = new
            elif old is not None:
                del table.items[partition][sort]
            if table.stream_shard is not None and not (old is None and new is None):
                table.stream_shard.add(old, new)

    DynamoDBBackend.transact_write_items = transact_write_items


_RANGES = {None, "BEGINS_WITH", "BETWEEN"}


def patch_dynamodb_queries() -> None:
    """moto sorts and weighs all items of a table for each query of one partition: n workers cost n squared.

    Here a query works on a table that holds nothing but what it can find.
    """
    original = Table.query

    def query(
        self: Table,
        hash_key: DynamoType,
        range_comparison: str | None,
        range_objs: Sequence[DynamoType],
        limit: int | None,
        exclusive_start_key: object,
        scan_index_forward: bool,
        projection_expressions: object,
        index_name: str | None = None,
        consistent_read: bool = False,
        filter_expression: object = None,
        **named: object,
    ) -> object:
        table = self
        if index_name is None and self.range_key_attr is not None:
            # Of text, the value is the value; of numbers it has to be made, which takes longer than all else here.
            of = attrgetter("value" if range_objs and all(bound.type == "S" for bound in range_objs) else "cast_value")
            bounds = [of(bound) for bound in range_objs]
            partition = self.items.get(hash_key, {})
            keys = [key for key in partition if _in_range(of(key), range_comparison, bounds)]
            exact = range_comparison in _RANGES and isinstance(filter_expression, (OpDefault, NoneType))
            if limit is not None and not exclusive_start_key and exact:
                # One more than the limit, so that there is a further page.
                first = heapq.nlargest if scan_index_forward is False else heapq.nsmallest
                keys = first(limit + 1, keys, key=of)
            table = copy.copy(self)
            table.items = defaultdict(dict, {hash_key: {key: partition[key] for key in keys}})
        return original(
            table,
            hash_key,
            range_comparison,
            range_objs,
            limit,
            exclusive_start_key,
            scan_index_forward,
            projection_expressions,
            index_name,
            consistent_read,
            filter_expression,
            **named,
        )

    Table.query = query


def _in_range(key: DynamoType, comparison: str | None, bounds: Sequence[DynamoType]) -> bool:
    """What moto would find by :data:`_RANGES`; it looks itself at what another comparison finds."""
    if comparison == "BEGINS_WITH":
        return bool(key.startswith(bounds[0]))
    return comparison != "BETWEEN" or bool(bounds[0] <= key <= bounds[1])


def _touched(
    backend: DynamoDBBackend, transact_items: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Table, DynamoType, DynamoType]]:
    """The items that a transaction names, each once: table, partition key and sort key."""
    seen = set()
    for request in transact_items:
        for operation in request.values():
            table = backend.tables.get(operation.get("TableName"))
            attributes = operation.get("Key") or operation.get("Item") or {}
            if table is None or table.range_key_attr is None or table.hash_key_attr not in attributes:
                continue  # moto's own code refuses it
            key = DynamoType(attributes[table.hash_key_attr]), DynamoType(attributes[table.range_key_attr])
            if (table.name, *map(str, key)) not in seen:
                seen.add((table.name, *map(str, key)))
                yield table, *key


def _excerpt(table: Table, touched: _Touched) -> Any:
    """A table like ``table`` with the items named alone. Its stream is left to the caller."""
    excerpt = copy.copy(table)
    excerpt.items, excerpt.stream_shard = defaultdict(dict), None
    for other, partition, sort in touched:
        if other is table and (item := _item(table, partition, sort)) is not None:
            excerpt.items[partition][sort] = copy.deepcopy(item)
    return excerpt


def _item(table: Table, partition: DynamoType, sort: DynamoType) -> Any:
    return table.items[partition].get(sort) if partition in table.items else None


def patch_dynamodb_errors() -> None:
    """moto takes the failure of an expression in the Arguments of a DynamoDB task for an error of DynamoDB's."""
    service = state_task_service_dynamodb.StateTaskServiceDynamoDB
    original = service._from_error

    def from_error(self: object, env: object, ex: Exception) -> FailureEvent:
        return ex.failure_event if isinstance(ex, FailureEventException) else original(self, env, ex)

    service._from_error = from_error
