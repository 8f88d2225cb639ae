"""The markers of how mapped instances have ended, against moto (with transactions) and dynalite (without)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ductwork.contracts import ledger as schema
from ductwork_airflow.ledger import Ledger, transactions
from ductwork_airflow.mirror import batch_jobs
from ductwork_airflow.runs import reset_tasks, restart_plan
from harness import count_ended, dynamodb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Where = tuple[str, str]


@pytest.fixture(scope="module", params=["dynamodb_endpoint", "dynalite_endpoint"], ids=["moto", "dynalite"])
def client(request: pytest.FixtureRequest) -> Any:
    return dynamodb(request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def ledger(client: Any) -> Ledger:
    made = Ledger(f"ledger-{uuid.uuid4().hex[:8]}", client)
    assert made.create_table()
    return made


@pytest.fixture
def where() -> Where:
    return f"dag_{uuid.uuid4().hex[:8]}", "run"


def markers(ledger: Ledger, where: Where) -> list[str]:
    """``task state index`` of all markers of a run."""
    return [key.removeprefix("ended#").replace("#", " ") for key in ledger.sort_keys(schema.run_pk(*where), "ended#")]


def test_a_mapped_instances_end_leaves_a_marker(ledger: Ledger, where: Where) -> None:
    for index, state in enumerate(("success", "failed", "skipped", "failed", "removed", "upstream_failed")):
        ledger.record_task(*where, "g.t", "running", 1, map_index=index)
        assert ledger.record_task(*where, "g.t", state, 1, map_index=index)
    ledger.record_task(*where, "g.t", "running", 1, map_index=6)
    ledger.record_task(*where, "g.tt", "failed", 1, map_index=12345)
    ledger.record_task(*where, "plain", "success", 1)
    ledger.record_task(*where, "none", "skipped", 0, map_index=schema.UNMAPPED)
    assert markers(ledger, where) == [
        "g.t failed 000001",
        "g.t failed 000003",
        "g.t removed 000004",
        "g.t skipped 000002",
        "g.t success 000000",
        "g.t upstream_failed 000005",
        "g.tt failed 012345",
    ]
    assert count_ended(ledger, *where, "g.t", "failed") == 2
    assert count_ended(ledger, *where, "g.t", "up_for_retry") == 0
    marker = ledger.get(schema.run_pk(*where), schema.ended_sk("g.t", "failed", 3))
    assert marker is not None and marker.keys() == {"pk", "sk", "expires_at"}


def test_what_is_refused_leaves_no_marker(ledger: Ledger, where: Where) -> None:
    assert ledger.record_task(*where, "t", "success", 2, map_index=0)
    for state, number in (("failed", 2), ("failed", 1), ("skipped", 2), ("success", 1)):
        assert not ledger.record_task(*where, "t", state, number, map_index=0, owner=True)
    assert markers(ledger, where) == ["t success 000000"]


def test_a_further_try_takes_the_marker_away(ledger: Ledger, where: Where) -> None:
    assert ledger.record_task(*where, "t", "failed", 1, map_index=7)
    assert ledger.record_task(*where, "t", "running", 2, map_index=7, owner=True)
    assert markers(ledger, where) == []
    assert ledger.record_task(*where, "t", "success", 2, map_index=7, owner=True)
    assert ledger.record_task(*where, "t", "skipped", 3, map_index=7)
    assert markers(ledger, where) == ["t skipped 000007"]


STEPS = st.tuples(st.sampled_from(sorted(schema.STATE_ORDER)), st.integers(0, 3), st.booleans())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=1, max_size=12))
def test_there_is_a_marker_exactly_for_the_outcome(ledger: Ledger, steps: list[tuple[str, int, bool]]) -> None:
    where = (f"dag_{uuid.uuid4().hex[:8]}", "run")
    for state, number, owner in steps:
        ledger.record_task(*where, "t", state, number, map_index=3, owner=owner)
        item = ledger.task(*where, "t", 3) or {}
        assert markers(ledger, where) == ([f"t {item['outcome']} 000003"] if "outcome" in item else [])


class Resending:
    """A client whose replies to writes are lost, so that botocore sends each of them twice."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._real, name)
        if name not in {"update_item", "transact_write_items"}:
            return call

        def twice(**request: Any) -> Any:
            call(**request)
            self.lost += 1
            return call(**request)

        return twice


@pytest.mark.parametrize("index", [schema.UNMAPPED, 4])
def test_a_lost_reply_is_no_refusal(ledger: Ledger, client: Any, where: Where, index: int) -> None:
    wire = Resending(client)
    losing = Ledger(ledger.table, wire)
    for state in ("running", "deferred", "running", "success"):
        assert losing.record_task(*where, "t", state, 1, map_index=index, owner=True, delay=0.25, skipped=["a"])
    assert losing.record_task(*where, "t", "running", 2, map_index=index, skipped=None)
    assert losing.record_task(*where, "t", "failed", 2, map_index=index)
    assert wire.lost >= 6
    assert markers(ledger, where) == (["t failed 000004"] if index == 4 else [])
    assert not losing.record_task(*where, "t", "success", 2, map_index=index)


class Overtaken:
    """A client before whose first write somebody else writes."""

    def __init__(self, real: Any, other: Callable[[], object]) -> None:
        self._real, self._other = real, [other]

    def __getattr__(self, name: str) -> Any:
        if name in {"update_item", "transact_write_items"} and self._other:
            self._other.pop()()
        return getattr(self._real, name)


def test_of_two_ends_the_first_stands_and_has_its_marker(ledger: Ledger, client: Any, where: Where) -> None:
    def first() -> None:
        assert ledger.record_task(*where, "t", "success", 1, map_index=0)

    late = Ledger(ledger.table, Overtaken(client, first))
    assert not late.record_task(*where, "t", "failed", 1, map_index=0)
    assert markers(ledger, where) == ["t success 000000"]


def test_a_further_try_that_finds_another_outcome_than_it_saw(ledger: Ledger, client: Any, where: Where) -> None:
    def first() -> None:
        assert ledger.record_task(*where, "t", "skipped", 2, map_index=0)

    ledger.record_task(*where, "t", "failed", 1, map_index=0)
    late = Ledger(ledger.table, Overtaken(client, first))
    assert late.record_task(*where, "t", "success", 3, map_index=0)
    assert markers(ledger, where) == ["t success 000000"]


def test_the_mirrors_ends_have_markers(ledger: Ledger, where: Where) -> None:
    ledger.record_task(*where, "t", "running", 1, map_index=2)
    [seen] = ledger.tasks(*where)
    assert batch_jobs.advance(ledger, where, "t", seen, "failed", 1, {"error": "the run was stopped"})
    assert markers(ledger, where) == ["t failed 000002"]


# ---- restarts ----


def restart(
    ledger: Ledger, where: Where, wanted: restart_plan.Wanted = restart_plan.Wanted(), number: int = 1
) -> restart_plan.Plan:
    run = ledger.run(*where) or {}
    plan = restart_plan.make(run, ledger.tasks(*where), number, wanted)
    reset_tasks.reset(ledger, run, ledger.tasks(*where), plan)
    return plan


@pytest.fixture
def ended(ledger: Ledger, where: Where) -> Where:
    """A run whose mapped task ended in success, failed and skipped."""
    ledger.start_run(*where, tasks={"t": {"max_tries": 1}, "after": {"upstream": ["t"]}})
    for index, state in enumerate(("success", "failed", "skipped")):
        ledger.record_task(*where, "t", state, 2, map_index=index)
        ledger.put_xcom(*where, "t", "return_value", index, map_index=index)
    ledger.record_task(*where, "after", "upstream_failed", 0)
    return where


def states(ledger: Ledger, where: Where) -> dict[int, tuple[str, int]]:
    return {item["map_index"]: (item["state"], item["try_number"]) for item in ledger.instances(*where, "t")}


def test_a_restart_runs_only_the_instances_that_did_not_end_well(ledger: Ledger, ended: Where) -> None:
    plan = restart(ledger, ended)
    assert (plan.again, plan.done) == (["after", "t"], {})
    assert states(ledger, ended) == {0: ("success", 2), 1: ("scheduled", 3), 2: ("skipped", 2)}
    assert markers(ledger, ended) == ["t skipped 000002", "t success 000000"]
    assert [item["value"] for item in ledger.xcoms(*ended, "t", "return_value")] == [0, 2]


def test_a_mapped_task_that_is_named_runs_again_as_a_whole(ledger: Ledger, ended: Where) -> None:
    plan = restart(ledger, ended, restart_plan.Wanted(tasks=("t",)))
    assert restart_plan.Plan.of({"restart": plan.text()}) == plan
    assert set(states(ledger, ended).values()) == {("scheduled", 3)}
    assert markers(ledger, ended) == []
    assert list(ledger.xcoms(*ended, "t", "return_value")) == []


@pytest.mark.parametrize(
    ("wanted", "found", "again"),
    [
        # Of what is named only the named instances run again, however the others ended.
        (restart_plan.Wanted(instances={"t": [0]}, only=True), [0], ["t"]),
        (restart_plan.Wanted(instances={"t": [1]}), [1], ["after", "t"]),
        (restart_plan.Wanted(instances={"t": [2, 0]}, failed=True), [0, 1, 2], ["after", "t"]),
        (restart_plan.Wanted(instances={"t": [0]}, tasks=["after"]), [0], ["after", "t"]),
    ],
)
def test_instances_that_are_named_run_again_alone(
    ledger: Ledger, ended: Where, wanted: restart_plan.Wanted, found: list[int], again: list[str]
) -> None:
    before = states(ledger, ended)
    plan = restart(ledger, ended, wanted)
    assert restart_plan.Plan.of({"restart": plan.text()}) == plan
    assert plan.again == again
    assert states(ledger, ended) == before | dict.fromkeys(found, ("scheduled", 3))
    assert [item["value"] for item in ledger.xcoms(*ended, "t", "return_value")] == sorted({0, 1, 2} - set(found))


def test_a_mark_moves_the_marker(ledger: Ledger, ended: Where) -> None:
    restart(ledger, ended, restart_plan.Wanted(marks={"t": "success"}))
    assert markers(ledger, ended) == [f"t success 00000{index}" for index in range(3)]


def test_what_has_not_begun_runs_in_a_restart(ledger: Ledger, where: Where) -> None:
    ledger.start_run(*where, tasks={"t": {}})
    ledger.record_task(*where, "t", "success", 1, map_index=0)
    ledger.put(schema.run_pk(*where), schema.map_sk("t"), {"size": 3})
    run = ledger.run(*where) or {}
    plan = restart_plan.make(run, ledger.tasks(*where), 1, restart_plan.Wanted(), ledger.mapped(*where))
    assert plan.again == ["t"]
    reset_tasks.reset(ledger, run, ledger.tasks(*where), plan)
    assert states(ledger, where) == {0: ("success", 1)}


def test_a_task_that_was_not_expanded_is_forgotten_once_it_is(ledger: Ledger, where: Where) -> None:
    ledger.start_run(*where, tasks={"t": {}})
    ledger.record_task(*where, "t", "upstream_failed", 0)
    restart(ledger, where)
    assert [item["map_index"] for item in ledger.tasks(*where)] == [-1]
    ledger.record_task(*where, "t", "running", 1, map_index=0)
    assert [item["map_index"] for item in ledger.tasks(*where)] == [0]


# ---- transactions ----


class Cancelling:
    """Answers transactions as DynamoDB does while somebody else is at work, then lets them through."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons, self.calls = reasons, 0

    def transact_write_items(self, **request: Any) -> None:
        self.calls += 1
        if self.reasons:
            code = self.reasons.pop(0)
            response = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": [{"Code": code}]}
            raise ClientError(json.loads(json.dumps(response)), "TransactWriteItems")


def test_conflicts_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Cancelling(["TransactionConflict", "ThrottlingError"])
    assert transactions.write(client, [])
    assert client.calls == 3
    assert transactions.write(Cancelling(["ConditionalCheckFailed"]), []) is False
    with pytest.raises(ClientError):
        transactions.write(Cancelling(["ValidationError"]), [])
