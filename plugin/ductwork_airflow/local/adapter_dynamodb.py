"""A patch to moto's DynamoDB."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType

_Touched = list[tuple[Any, DynamoType, DynamoType]]


def patch_dynamodb_transactions() -> None:
    """moto copies every table that a transaction names, to be able to roll it back: n of them cost n squared.

    Here a transaction works on tables that hold nothing but the items it names, and these go back if it succeeds.
    """
    original = DynamoDBBackend.transact_write_items

    def transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> None:
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


def _touched(backend: Any, transact_items: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, DynamoType, DynamoType]]:
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


def _excerpt(table: Any, touched: _Touched) -> Any:
    """A table like ``table`` with the items named alone. Its stream is left to the caller."""
    made = copy.copy(table)
    made.items, made.stream_shard = defaultdict(dict), None
    for other, partition, sort in touched:
        if other is table and (item := _item(table, partition, sort)) is not None:
            made.items[partition][sort] = copy.deepcopy(item)
    return made


def _item(table: Any, partition: DynamoType, sort: DynamoType) -> Any:
    return table.items[partition].get(sort) if partition in table.items else None
