"""A worker that does not run its task says so, whatever a mirror writes meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.ledger import Item, Ledger
from ductwork_airflow.worker.divert_task import diverted
from ductwork_airflow.worker.environment import WorkerEnvironment
from ductwork_airflow.worker.logs import FailureCapture
from ductwork_airflow.worker.try_result import TryResult
from ductwork_airflow.worker.workload import Workload
from harness import dynamodb

FACTS = {"up": {"job": "up"}, "t": {"job": "t", "upstream": ["up"]}}


class Case:
    """A run whose task ``t`` is below a skipped one, and what is written just before the worker writes."""

    def __init__(self, endpoint: str) -> None:
        self.client = dynamodb(endpoint)
        self.ledger = Ledger(f"ledger-{uuid.uuid4().hex[:8]}", self.client)
        self.ledger.create_table()
        self.ledger.record_task("dag", "r", "up", "skipped", 0)

    def divert(self, item: Item, meanwhile: Callable[[], Any] = lambda: None) -> tuple[TryResult | None, Item]:
        pending = [meanwhile]

        def interrupt(**_: Any) -> None:
            if pending:
                pending.pop()()

        self.client.meta.events.register("before-call.dynamodb.UpdateItem", interrupt)
        run = {"dag_id": "dag", "run_id": "r", "tasks": FACTS}
        environment = WorkerEnvironment("dag", "r", "t", -1, self.ledger.table)
        outcome = diverted(Workload(environment, Aws(), self.ledger, run, FailureCapture()), item)
        return outcome, self.ledger.task("dag", "r", "t") or {}


@pytest.fixture
def case(dynamodb_endpoint: str) -> Case:
    return Case(dynamodb_endpoint)


@pytest.mark.parametrize("announced", [1, 2])
def test_a_try_that_is_announced_meanwhile_does_not_begin(case: Case, announced: int) -> None:
    """A mirror has seen the job wait in its queue, and says so only now."""
    outcome, item = case.divert({}, lambda: case.ledger.record_task("dag", "r", "t", "queued", announced))
    assert outcome == TryResult("skipped")
    assert (item["state"], item["try_number"], item["outcome"]) == ("skipped", announced - 1, "skipped")


def test_an_end_that_somebody_else_writes_meanwhile_stands(case: Case) -> None:
    def stop() -> None:
        case.ledger.record_task("dag", "r", "t", "failed", 1, error="stopped")

    outcome, item = case.divert({}, stop)
    assert outcome == TryResult("failed", error="stopped")
    assert (item["state"], item["try_number"]) == ("failed", 1)


def test_a_task_that_was_announced_before(case: Case) -> None:
    case.ledger.record_task("dag", "r", "t", "queued", 1)
    outcome, item = case.divert(case.ledger.task("dag", "r", "t") or {})
    assert outcome == TryResult("skipped")
    assert (item["state"], item["try_number"]) == ("skipped", 0)
