"""Queries of the embedded DynamoDB: as DynamoDB answers them, and at a cost that does not grow with the table."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from ductwork.contracts import ledger as schema
from ductwork_airflow.ledger import Ledger

from .conftest import Embedded

NUMBER = 40


@pytest.fixture(scope="module")
def book(embedded: Embedded) -> Ledger:
    made = Ledger.connect(f"ledger-{uuid.uuid4().hex[:8]}", embedded.aws.aws)
    made.create_table()
    for index in range(NUMBER):
        made.put_xcom("d", "r", "t", "k", index, map_index=index)
        made.put_xcom("d", "r", "t", "other", index, map_index=index)
        made.put_xcom("d", "another", "t", "k", index, map_index=index)
    return made


def found(embedded: Embedded, book: Ledger, condition: str, bounds: dict[str, str], **more: Any) -> list[list[str]]:
    """The sort keys, page by page."""
    values = {":pk": {"S": schema.run_pk("d", "r")}, **{name: {"S": value} for name, value in bounds.items()}}
    pages = embedded.dynamodb.get_paginator("query").paginate(
        TableName=book.table,
        KeyConditionExpression=f"pk = :pk{condition}",
        ExpressionAttributeValues=values,
        **more,
    )
    return [[item["sk"]["S"] for item in page["Items"]] for page in pages]


KEYS = sorted(schema.xcom_sk("t", key, index) for key in ("k", "other") for index in range(NUMBER))
BOUNDS = {":a": KEYS[3], ":b": KEYS[20]}


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("page", [None, 1, 7, 1000])
@pytest.mark.parametrize(
    ("condition", "bounds", "expected"),
    [
        ("", {}, KEYS),
        (" AND begins_with(sk, :a)", {":a": "xcom#t#other#"}, KEYS[NUMBER:]),
        (" AND begins_with(sk, :a)", {":a": "none"}, []),
        (" AND sk BETWEEN :a AND :b", BOUNDS, KEYS[3:21]),
        (" AND sk = :a", {":a": KEYS[5]}, KEYS[5:6]),
        (" AND sk > :a", {":a": KEYS[70]}, KEYS[71:]),
    ],
)
def test_pages_and_order(
    embedded: Embedded,
    book: Ledger,
    condition: str,
    bounds: dict[str, str],
    expected: list[str],
    page: int | None,
    forward: bool,
) -> None:
    limit = {"Limit": page} if page else {}
    pages = found(embedded, book, condition, bounds, ScanIndexForward=forward, **limit)
    assert [key for each in pages for key in each] == (expected if forward else expected[::-1])
    assert all(len(each) <= (page or len(KEYS)) for each in pages)


def test_what_a_filter_leaves_out_does_not_end_the_pages(embedded: Embedded, book: Ledger) -> None:
    values = {":pk": {"S": schema.run_pk("d", "r")}, ":last": {"N": str(NUMBER - 1)}}
    pages = embedded.dynamodb.get_paginator("query").paginate(
        TableName=book.table,
        KeyConditionExpression="pk = :pk",
        FilterExpression="map_index = :last",
        ExpressionAttributeValues=values,
        Limit=5,
    )
    keys = [item["sk"]["S"] for page in pages for item in page["Items"]]
    assert keys == [schema.xcom_sk("t", key, NUMBER - 1) for key in ("k", "other")]


def test_the_first_of_many_costs_what_the_first_of_few_does(embedded: Embedded, book: Ledger) -> None:
    def seconds() -> float:
        started = time.monotonic()
        for _ in range(20):
            assert list(book.xcoms_of_instance("d", "r", "t", 5))
        return time.monotonic() - started

    early = seconds()
    embedded.fill(book, 1500, first=1000)
    # To sort the table takes half a second and more for each of the twenty.
    assert seconds() < early + 5
