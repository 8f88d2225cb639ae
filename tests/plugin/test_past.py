"""What the previous run says of a task, against moto and dynalite."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any

import pytest
from ductwork_airflow import past
from ductwork_airflow.ledger import Ledger
from harness import dynamodb, start_run

TASKS = {"load": {}, "check": {"upstream": ["load"]}, "mail": {"upstream": {"load", "check"}}}
TODAY = datetime(2026, 3, 9, tzinfo=timezone.utc)


@pytest.fixture(scope="module", params=["dynamodb_endpoint", "dynalite_endpoint"], ids=["moto", "dynalite"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    made = Ledger(f"past-{uuid.uuid4().hex[:8]}", dynamodb(request.getfixturevalue(request.param)))
    made.create_table()
    return made


@pytest.fixture
def dag_id() -> str:
    return f"dag-{uuid.uuid4().hex[:8]}"


def run(ledger: Ledger, dag_id: str, day: int, states: dict[str, str], **attributes: Any) -> str:
    run_id = f"day-{day}-{attributes.get('run_type', 'scheduled')}"
    given = {"logical_date": f"2026-03-{day:02}T00:00:00+00:00", "run_type": "scheduled", "tasks": TASKS, **attributes}
    start_run(ledger, dag_id, run_id, **given)
    for name, state in states.items():
        task_id, _, index = name.partition("#")
        ledger.record_task(dag_id, run_id, task_id, state, 1, map_index=int(index or -1))
    return run_id


WELL = {"load": "success", "check": "success", "mail": "skipped"}


@pytest.mark.parametrize(
    ("states", "outcomes", "allows", "with_downstream"),
    [
        (WELL, ["success"], True, True),
        ({**WELL, "load": "skipped"}, ["skipped"], True, True),
        ({**WELL, "check": "failed"}, ["success"], True, False),
        ({"load": "success", "check": "success"}, ["success"], True, False),
        ({"load": "success", "check": "success", "mail": "running"}, ["success"], True, False),
        ({**WELL, "load": "failed"}, ["failed"], False, False),
        ({**WELL, "load": "upstream_failed"}, ["upstream_failed"], False, False),
        ({"load": "running"}, ["running"], False, False),
        ({}, [None], False, False),
        ({**WELL, "load": "success", "load#0": "success", "load#1": "failed"}, None, False, False),
    ],
)
def test_the_previous_run_decides(
    ledger: Ledger, dag_id: str, states: dict[str, str], outcomes: Any, allows: bool, with_downstream: bool
) -> None:
    run(ledger, dag_id, 1, {"load": "failed"})
    before = run(ledger, dag_id, 8, states)
    run(ledger, dag_id, 9, {})
    found = past.look(ledger, dag_id, "load", TODAY)
    assert found is not None and (found.run_id, found.state) == (before, "running")
    assert found.outcomes == outcomes or outcomes is None
    assert (found.allows(), found.allows(wait_for_downstream=True)) == (allows, with_downstream)


def test_the_first_run_has_no_past(ledger: Ledger, dag_id: str) -> None:
    assert past.look(ledger, dag_id, "load", TODAY) is None
    run(ledger, dag_id, 9, {})
    run(ledger, dag_id, 10, WELL)
    assert past.look(ledger, dag_id, "load", TODAY) is None


def test_order_is_by_logical_date_not_by_start(ledger: Ledger, dag_id: str) -> None:
    before = run(ledger, dag_id, 8, WELL)
    run(ledger, dag_id, 3, {"load": "failed"})  # a late backfill
    found = past.look(ledger, dag_id, "load", TODAY)
    assert found is not None and found.run_id == before


def test_runs_by_hand_count_unless_the_dag_catches_up(ledger: Ledger, dag_id: str) -> None:
    scheduled = run(ledger, dag_id, 7, WELL)
    by_hand = run(ledger, dag_id, 8, {"load": "failed"}, run_type="manual")
    found, caught_up = (past.look(ledger, dag_id, "load", TODAY, scheduled=flag) for flag in (False, True))
    assert found is not None and (found.run_id, found.allows()) == (by_hand, False)
    assert caught_up is not None and (caught_up.run_id, caught_up.allows()) == (scheduled, True)


def test_a_task_that_the_previous_run_does_not_have(ledger: Ledger, dag_id: str) -> None:
    run(ledger, dag_id, 8, WELL)
    new = past.look(ledger, dag_id, "new", TODAY)
    assert new is not None and (new.outcomes, new.seen_before) == ([], False)
    assert (new.allows(), new.allows(ignore_first=True)) == (False, True)
    run(ledger, dag_id, 2, {}, tasks={"new": {}})
    again = past.look(ledger, dag_id, "new", TODAY)
    assert again is not None and (again.seen_before, again.allows(ignore_first=True)) == (True, False)


def test_todays_downstream_tasks_may_be_others(ledger: Ledger, dag_id: str) -> None:
    run(ledger, dag_id, 8, {**WELL, "check": "failed"})
    found = past.look(ledger, dag_id, "load", TODAY, downstream=["mail"])
    assert found is not None and found.allows(wait_for_downstream=True)
