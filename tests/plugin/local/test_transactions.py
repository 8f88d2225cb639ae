"""Transactions of the embedded DynamoDB: all or nothing, at a cost that does not grow with the table."""

from __future__ import annotations

import time
import uuid

from ductwork.contracts import ledger as schema
from ductwork_airflow.ledger import Ledger

from .conftest import Embedded


def ledger(embedded: Embedded) -> Ledger:
    made = Ledger.connect(f"ledger-{uuid.uuid4().hex[:8]}", embedded.aws.aws)
    made.create_table()
    return made


def test_all_or_nothing(embedded: Embedded) -> None:
    book = ledger(embedded)
    assert book.record_task("d", "r", "t", "success", 1, map_index=0)
    assert not book.record_task("d", "r", "t", "failed", 1, map_index=0)
    assert book.record_task("d", "r", "t", "running", 2, map_index=0, owner=True)
    assert book.sort_keys(schema.run_pk("d", "r"), "ended#") == []
    assert book.record_task("d", "r", "t", "failed", 2, map_index=0)
    assert book.sort_keys(schema.run_pk("d", "r"), "ended#") == [schema.ended_sk("t", "failed", 0)]
    assert (book.task("d", "r", "t", 0) or {})["state"] == "failed"


def test_the_last_of_many_costs_what_the_first_did(embedded: Embedded) -> None:
    book = ledger(embedded)

    def seconds(first: int) -> float:
        started = time.monotonic()
        for index in range(first, first + 20):
            assert book.record_task("d", "r", "t", "success", 1, map_index=index)
        return time.monotonic() - started

    early = seconds(0)
    embedded.fill(book, 1500, first=0)
    # Copying the table takes half a second and more for each of the twenty.
    assert seconds(100) < early + 5
