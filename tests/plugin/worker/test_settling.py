"""``DUCTWORK_CALLBACK=settle``: what it does where it may not read what it needs; the rest is in the differential tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ductwork_airflow.worker.report_outcome import EXIT_UNREPORTED
from harness import MakeWorkers, Workers

ARN = "arn:aws:states:eu-west-1:123456789012:execution:case:r"


@pytest.fixture
def workers(tmp_path: Path, make_workers: MakeWorkers, run_id: str) -> Workers:
    return make_workers(tmp_path, "settled", run_id)


def settle(workers: Workers) -> Any:
    return workers.run("", DUCTWORK_CALLBACK="settle")


def test_a_role_that_may_not_look_is_told_what_it_needs(workers: Workers) -> None:
    facts: dict[str, Any] = {"a": {"job": "settled-a"}}
    workers.start_run(target="stepfunctions", engine="batch", execution_arn=ARN, tasks=facts)
    workers.step_functions.refuse[""] = "AccessDeniedException"
    ended = settle(workers)
    del workers.step_functions.refuse[""]
    assert ended.code == EXIT_UNREPORTED
    assert "states:DescribeExecution and GetExecutionHistory" in ended.stderr
    assert "Traceback" not in ended.output
    assert "ended_at" not in (workers.ledger.run(workers.dag_id, workers.run_id) or {})


def test_a_run_that_has_ended_is_left_as_it_is(workers: Workers) -> None:
    ended_at = "2026-03-01T00:00:00.000Z"
    workers.start_run(engine="batch", execution_arn=ARN, tasks={}, state="failed", ended_at=ended_at)
    ended = settle(workers)
    assert (ended.code, f"run {workers.run_id} of settled ended: failed" in ended.stdout) == (0, True), ended.output
    assert (workers.ledger.run(workers.dag_id, workers.run_id) or {})["ended_at"] == ended_at
