"""A worker of a job chain whose task does not run, while the mirror looks at its job."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.worker import work
from ductwork_airflow.worker.environment import WorkerEnvironment
from harness import dynamodb

FACTS: dict[str, Any] = {"up": {"job": "up", "quiet": True}, "t": {"job": "t", "upstream": ["up"]}}


@pytest.fixture
def ledger(dynamodb_endpoint: str) -> Ledger:
    made = Ledger(f"ledger-{uuid.uuid4().hex[:8]}", dynamodb(dynamodb_endpoint))
    made.create_table()
    return made


@pytest.mark.parametrize(
    ("announced", "found"),
    [
        ([], ("upstream_failed", 0)),
        ([("queued", 1)], ("upstream_failed", 0)),
        ([("queued", 2)], ("upstream_failed", 1)),
        # A stopped run.
        ([("queued", 1), ("skipped", 1)], ("skipped", 1)),
    ],
)
def test_what_was_written_since_the_worker_looked(
    announced: list[tuple[str, int]], found: tuple[str, int], ledger: Ledger
) -> None:
    """The mirror sees a job that waits and says so, though the worker that has begun by then has read no such thing."""
    names = ("d", "r")
    ledger.record_task(*names, "up", "failed", 1)
    for state, number in announced:
        assert ledger.record_task(*names, "t", state, number)
    run = {"dag_id": "d", "run_id": "r", "tasks": FACTS}
    outcome = work._gated(WorkerEnvironment(*names, "t", -1, ledger.table), ledger, run, None)
    item = ledger.task(*names, "t") or {}
    assert (item["state"], item["try_number"]) == found
    assert outcome is not None
    assert outcome.state == found[0]
