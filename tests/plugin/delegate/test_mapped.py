"""A mapped task's instances as the one item that its mirror task shows."""

from __future__ import annotations

from typing import Any

import pytest
from ductwork import ledger_schema as schema
from ductwork_airflow.delegate.mapped import gather

EXPANSION = {"pk": "run#d#r", "sk": schema.map_sk("t"), "size": 3}


def instances(*states: str) -> list[dict[str, Any]]:
    return [
        {"task_id": "t", "map_index": index, "state": state, "try_number": index, "ended_at": f"2026-03-0{index + 1}"}
        for index, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("states", "state", "counts"),
    [
        ((), "running", {"none": 3}),
        (("success", "failed"), "running", {"success": 1, "failed": 1, "none": 1}),
        (("success", "success", "running"), "running", {"success": 2, "running": 1}),
        (("success", "success", "success"), "success", {"success": 3}),
        (("skipped", "success", "skipped"), "success", {"skipped": 2, "success": 1}),
        (("skipped", "skipped", "skipped"), "skipped", {"skipped": 3}),
        (("success", "failed", "upstream_failed"), "failed", {"success": 1, "failed": 1, "upstream_failed": 1}),
    ],
)
def test_one_item_stands_for_all_instances(states: tuple[str, ...], state: str, counts: dict[str, int]) -> None:
    item = gather(instances(*states), EXPANSION)
    assert (item["task_id"], item["map_index"], item["state"], item["counts"]) == ("t", -1, state, counts)
    assert (item["pk"], item["sk"]) == ("run#d#r", "map#t")


def test_it_ends_with_its_last_instance_and_tells_a_failure() -> None:
    found = instances("failed", "failed", "success")
    found[1]["error"] = "ValueError: no"
    item = gather(found, EXPANSION)
    assert (item["try_number"], item["ended_at"]) == (2, "2026-03-03")
    assert item["error"] == "instance 1: ValueError: no"
