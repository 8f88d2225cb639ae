"""The ledger's XComs: an item for each key of each task instance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

from ductwork.contracts import ledger as schema
from ductwork.contracts.task_item import XCom, XComItem

from ductwork_airflow.ledger.items import ITEM_LIMIT_BYTES, Items, ItemTooLargeError, too_large
from ductwork_airflow.ledger.moments import expiry, now
from ductwork_airflow.ledger.values import Item

# The character after "#", which parts of sort keys do not contain.
_AFTER_SEPARATOR = chr(ord("#") + 1)


class XComs(Items):
    """Items of XComs."""

    def put_xcom(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        key: str,
        value: object,
        *,
        map_index: int = schema.UNMAPPED,
        mapped_length: int | None = None,
    ) -> None:
        """Store an XCom.

        :param value: what JSON can say
        :param mapped_length: the number of items, of a value that a task is expanded over
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
            raise ItemTooLargeError(too_large(item))
        self._put(item)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int = schema.UNMAPPED) -> XCom | None:
        """One XCom item, its ``value`` decoded."""
        item = self.get(schema.run_pk(dag_id, run_id), schema.xcom_sk(task_id, key, map_index))
        return decoded(cast(XComItem, item)) if item else None

    def xcoms(self, dag_id: str, run_id: str, task_id: str, key: str, *, descending: bool = False) -> Iterator[XCom]:
        """The XComs of all map indexes of one task and key, in order of map index, values decoded, read lazily."""
        items = self.partition(
            schema.run_pk(dag_id, run_id), schema.xcom_prefix(task_id, key), ScanIndexForward=not descending
        )
        return (decoded(cast(XComItem, item)) for item in items)

    def xcoms_of_run(self, dag_id: str, run_id: str) -> Iterator[XCom]:
        """All XComs of a run, values decoded, read lazily."""
        items = self.partition(schema.run_pk(dag_id, run_id), "xcom#")
        return (decoded(cast(XComItem, item)) for item in items)

    def xcom_keys(self, dag_id: str, run_id: str, task_id: str, map_index: int | None = None) -> list[str]:
        """The keys of a task's XComs, of one map index or of all."""
        if map_index is None:
            return sorted({item["key"] for item in self._xcom_items(dag_id, run_id, task_id)})
        return sorted({item["key"] for item in self.xcoms_of_instance(dag_id, run_id, task_id, map_index)})

    def _xcom_items(self, dag_id: str, run_id: str, task_id: str) -> Iterator[XComItem]:
        for item in self.partition(schema.run_pk(dag_id, run_id), f"xcom#{task_id}#"):
            yield cast(XComItem, item)

    def xcoms_of_instance(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> Iterator[XComItem]:
        """The XComs of one map index, values not decoded.

        A mapped task may have thousands of instances and has few keys: it costs two reads for each key.
        """
        pk = schema.run_pk(dag_id, run_id)
        if map_index < 0:
            items = self._xcom_items(dag_id, run_id, task_id)
            yield from (item for item in items if item["map_index"] == map_index)
            return
        start, end = f"xcom#{task_id}#", f"xcom#{task_id}{_AFTER_SEPARATOR}"
        while (first := next(self._keys_between(pk, start, end), None)) is not None:
            if item := self.get(pk, schema.xcom_sk(task_id, first["key"], map_index)):
                yield cast(XComItem, item)
            start = schema.xcom_prefix(task_id, first["key"])[:-1] + _AFTER_SEPARATOR

    def delete_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int = schema.UNMAPPED) -> None:
        """Delete an XCom, if there is one."""
        self.delete(schema.run_pk(dag_id, run_id), schema.xcom_sk(task_id, key, map_index))


def decoded(item: XComItem) -> XCom:
    """An XCom's item with the value that its JSON stands for."""
    return cast(XCom, {**item, "value": json.loads(item["value"])})
