"""The tables of the embedded DynamoDB in a file, so that a later process can show the runs of an earlier one.

The file is JSON: ``{"version": 1, "tables": {name: {"create": CreateTable request, "ttl": attribute, "items": […]}}}``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moto.dynamodb.models import DynamoDBBackend

VERSION = 1

Tables = dict[str, dict[str, Any]]
ItemKey = tuple[str, str]


class StateFileError(RuntimeError):
    """The state file cannot be used; the message names it and says what to do."""


class TableStore:
    """One state file and one DynamoDB backend of moto."""

    def __init__(self, file: Path, backend: DynamoDBBackend) -> None:
        self._file, self._backend = file, backend
        self._loaded: set[ItemKey] = set()

    def load(self) -> None:
        """Create the file's tables and items; items past their TTL are left behind.

        :raises StateFileError: the file is damaged or of another version
        """
        for name, table in self._read().items():
            self._create(name, table["create"], table.get("ttl"))
            for item in table["items"]:
                if not _expired(item, table.get("ttl")):
                    self._backend.put_item(name, item)
                self._loaded.add(_key(name, table["create"], item))

    def save(self) -> None:
        """Replace the file atomically. What other processes have added to it since :meth:`load` stays.

        :raises StateFileError: the file is damaged
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            tables = self._dump()
            ours = {_key(name, table["create"], item) for name, table in tables.items() for item in table["items"]}
            for name, theirs in self._read().items():
                table = tables.setdefault(name, {**theirs, "items": []})
                keyed = [(item, _key(name, theirs["create"], item)) for item in theirs["items"]]
                table["items"] += [item for item, key in keyed if key not in ours and key not in self._loaded]
            self._write({"version": VERSION, "tables": tables})

    def _dump(self) -> Tables:
        return {
            name: {
                "create": _create_request(table),
                "ttl": (table.ttl or {}).get("AttributeName"),
                "items": [item.to_json()["Attributes"] for item in table.all_items()],
            }
            for name, table in self._backend.tables.items()
        }

    def _create(self, name: str, request: dict[str, Any], ttl: str | None) -> None:
        if name not in self._backend.tables:
            self._backend.create_table(
                name,
                schema=request["KeySchema"],
                throughput=None,
                attr=request["AttributeDefinitions"],
                global_indexes=request.get("GlobalSecondaryIndexes"),
                indexes=request.get("LocalSecondaryIndexes"),
                streams=request.get("StreamSpecification"),
                billing_mode="PAY_PER_REQUEST",
                sse_specification=None,
                tags=[],
                deletion_protection_enabled=None,
                warm_throughput=None,
            )
            if ttl:
                self._backend.update_time_to_live(name, {"Enabled": True, "AttributeName": ttl})

    def _read(self) -> Tables:
        try:
            state = json.loads(self._file.read_text(encoding="utf-8"))
            if state["version"] != VERSION:
                raise StateFileError(
                    f"{self._file} was written by another version of ductwork (format {state['version']}): "
                    "move it away and run again"
                )
            return {name: {"items": [], **table, "create": table["create"]} for name, table in state["tables"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateFileError(
                f"{self._file} is damaged ({type(error).__name__}: {error}): move it away and run again; "
                "the local runs it held are lost"
            ) from error

    def _write(self, state: dict[str, Any]) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._file.parent, prefix=f".{self._file.name}.")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(state, file, separators=(",", ":"))
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self._file)
        except BaseException:  # Ctrl-C too must not leave the temporary file behind
            os.unlink(name)
            raise

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self._file.with_name(self._file.name + ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _create_request(table: Any) -> dict[str, Any]:
    request: dict[str, Any] = {"KeySchema": table.schema, "AttributeDefinitions": table.attr}
    plain = ("IndexName", "KeySchema", "Projection")
    for field, indexes in (("GlobalSecondaryIndexes", table.global_indexes), ("LocalSecondaryIndexes", table.indexes)):
        if indexes:
            request[field] = [{key: index.describe()[key] for key in plain} for index in indexes]
    if table.stream_specification:
        request["StreamSpecification"] = table.stream_specification
    return request


def _key(name: str, create: dict[str, Any], item: dict[str, Any]) -> ItemKey:
    return name, json.dumps([item[part["AttributeName"]] for part in create["KeySchema"]])


def _expired(item: dict[str, Any], ttl: str | None) -> bool:
    return bool(ttl) and float(item.get(ttl or "", {}).get("N", "inf")) < time.time()
