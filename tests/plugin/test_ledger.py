"""The ledger against two independent implementations of DynamoDB: moto, and dynalite (npm)."""

from __future__ import annotations

import base64
import json
import uuid
import zlib
from collections import Counter
from typing import Any

import pytest
from ductwork.contracts import ledger as schema
from ductwork.contracts.ledger import RUN_SK, manifest_pk, run_pk
from ductwork.contracts.machine_bundle import TaskManifest, manifest_id
from ductwork.contracts.names import short_hash
from ductwork.contracts.task_facts import TaskFacts
from ductwork_airflow.ledger import ItemTooLargeError, Ledger, LedgerError, Move, moved_to
from harness import dynamodb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module", params=["dynamodb_endpoint", "dynalite_endpoint"], ids=["moto", "dynalite"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    made = Ledger(f"ledger-{uuid.uuid4().hex[:8]}", dynamodb(request.getfixturevalue(request.param)))
    assert made.create_table() is True
    assert made.create_table() is False
    return made


@pytest.fixture
def where() -> tuple[str, str]:
    return f"dag_{uuid.uuid4().hex[:8]}", "manual__2026-01-01T00:00:00+00:00#1"


def test_a_run_starts_once(ledger: Ledger, where: tuple[str, str]) -> None:
    assert ledger.run(*where) is None
    assert ledger.start_run(*where, conf='{"a": 1}', tasks={"t": {"max_tries": 2}}) is True
    assert ledger.start_run(*where, conf="{}") is False
    run = ledger.run(*where)
    assert run is not None
    assert (run["state"], run["conf"], run["tasks"]) == ("running", '{"a": 1}', {"t": {"max_tries": 2}})


def test_ten_thousand_tasks_fit_into_a_run(ledger: Ledger, where: tuple[str, str]) -> None:
    """An item of DynamoDB has 400 KB; these take two megabytes."""
    tasks = {
        f"group_{n % 7}.task_{n}": {
            "job": f"dag-group_{n % 7}_task_{n}-{n * 7919 % 65536:04x}",
            "upstream": [f"group_{(n - k) % 7}.task_{n - k}" for k in (1, 2, 3)],
            "max_tries": n % 3,
        }
        for n in range(10_000)
    }
    assert ledger.start_run(*where, tasks=tasks, started_at="2026-01-01T00:00:00.000Z")
    run = ledger.run(*where)
    assert run is not None
    assert run["tasks"] == tasks
    assert [found["tasks"] == tasks for found in ledger.runs(where[0])] == [True]


def test_a_large_manifest_has_several_items(ledger: Ledger, where: tuple[str, str]) -> None:
    """Ten thousand tasks whose ids hardly compress; a reader that finds one missing says so."""
    dag_id, _ = where
    ids = [short_hash(f"{dag_id}{n}", 64) for n in range(10_000)]
    facts: dict[str, TaskFacts] = {each: {"upstream": [ids[n - 1]]} for n, each in enumerate(ids)}
    manifest: TaskManifest = {"id": manifest_id(facts), "tasks": facts}
    ledger.put_manifest(dag_id, manifest, lasting=False)
    keys = ledger.sort_keys(manifest_pk(dag_id), manifest["id"])
    assert len(keys) > 1
    ledger.delete(manifest_pk(dag_id), keys[1])
    with pytest.raises(LedgerError, match=f"the manifest {manifest['id']} of DAG '{dag_id}'.*{ledger.table}"):
        ledger.manifest(dag_id, manifest["id"])
    # Whoever submits it again writes what is missing.
    ledger.put_manifest(dag_id, manifest, lasting=False)
    ledger.start_run(*where, manifest=manifest["id"])
    assert (ledger.run(*where) or {}).get("tasks") == facts
    assert all("expires_at" in item for item in ledger.partition(manifest_pk(dag_id), manifest["id"]))
    ledger.put_manifest(dag_id, manifest, lasting=True)
    ledger.put_manifest(dag_id, manifest, lasting=False)
    assert not any("expires_at" in item for item in ledger.partition(manifest_pk(dag_id), manifest["id"]))


@pytest.mark.parametrize("large", [False, True])
def test_what_a_run_says_of_tasks_is_one_text(ledger: Ledger, where: tuple[str, str], large: bool) -> None:
    tasks = {f"t{n}": {"upstream": [f"t{n - 1}"], "native": True} for n in range(4_000 if large else 2)}
    told = {"tasks": tasks, "limits": [["pool#p", "tasks"], ["", "limit#t"]], "assets": [{"name": "é", "extra": {}}]}
    assert ledger.start_run(*where, **told)
    item = ledger.get(run_pk(*where), RUN_SK)
    run = ledger.run(*where)
    assert item is not None and run is not None
    assert {name: type(item[name]) for name in told} == dict.fromkeys(told, str)
    assert {name: run[name] for name in told} == told


def test_runs_of_earlier_versions_are_understood(ledger: Ledger, where: tuple[str, str]) -> None:
    """They have the tasks as nested values; of large chains compressed, under another name."""
    tasks = {"t": {"upstream": ["u"], "native": True}}
    ledger.put(run_pk(*where), RUN_SK, {"tasks": tasks, "limits": [["pool#p", "tasks"]]})
    run = ledger.run(*where)
    assert run is not None
    assert (run["tasks"], run["limits"]) == (tasks, [["pool#p", "tasks"]])
    text = base64.b64encode(zlib.compress(json.dumps(tasks).encode())).decode()
    ledger.put(run_pk(*where), RUN_SK, {"tasks_packed": text})
    run = ledger.run(*where)
    assert run is not None
    assert (run["tasks"], "tasks_packed" in run) == (tasks, False)


def test_runs_are_listed_newest_first(ledger: Ledger) -> None:
    dag_id = f"dag_{uuid.uuid4().hex[:8]}"
    for day in (2, 1, 3):
        ledger.start_run(dag_id, f"run-{day}", started_at=f"2026-01-0{day}T00:00:00.000Z")
    ledger.record_task(dag_id, "run-1", "t", "running", 1, started_at="2026-01-09T00:00:00.000Z")
    assert [run["run_id"] for run in ledger.runs(dag_id)] == ["run-3", "run-2", "run-1"]


def test_the_heads_of_runs_come_in_pages(ledger: Ledger) -> None:
    """A page of DynamoDB's has a megabyte of items, however little of them is asked for."""
    dag_id = f"dag_{uuid.uuid4().hex[:8]}"
    for n in range(7):
        ledger.start_run(dag_id, f"run-{n}", started_at=f"2026-01-0{n + 1}T00:00:00.000Z", conf="x" * 300_000)
    newest = [{"run_id": f"run-{n}", "state": "running"} for n in range(6, -1, -1)]
    assert ledger.run_heads(dag_id, ["run_id", "state", "ended_at"], 5) == newest[:5]
    assert ledger.run_heads(dag_id, ["run_id", "state", "ended_at"], 50) == newest


def test_reports_in_any_order_never_move_a_task_back(ledger: Ledger, where: tuple[str, str]) -> None:
    def record(state: str, number: int, **options: Any) -> bool:
        return ledger.record_task(*where, "t", state, number, **options)

    assert record("queued", 1)
    assert record("running", 1, owner=True, pid=3)
    assert not record("queued", 1)
    assert not record("running", 1)
    assert record("deferred", 1, owner=True)
    assert record("running", 1, owner=True)
    assert record("up_for_retry", 1, owner=True, error="x")
    assert not record("running", 1, owner=True)
    assert record("running", 2, owner=True, error=None)
    assert not record("success", 1)
    assert record("success", 2, owner=True)
    assert not record("failed", 2, owner=True)
    item = ledger.task(*where, "t")
    assert item is not None
    assert (item["state"], item["try_number"], item["pid"], "error" in item) == ("success", 2, 3, False)
    assert item["outcome"] == "success" and item["ended_at"]


REPORTS = st.tuples(st.sampled_from(sorted(schema.STATE_ORDER)), st.integers(0, 3), st.booleans())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=st.lists(REPORTS, min_size=1, max_size=12))
def test_the_rank_never_falls(ledger: Ledger, reports: list[tuple[str, int, bool]]) -> None:
    where = (f"dag_{uuid.uuid4().hex[:8]}", "run")
    last = -1
    for state, number, owner in reports:
        moved = ledger.record_task(*where, "t", state, number, owner=owner)
        item = ledger.task(*where, "t")
        assert item is not None
        assert item["rank"] >= last
        if moved:
            assert (item["state"], item["try_number"]) == (state, number)
            assert ("ended_at" in item) == (state in schema.TERMINAL_STATES)
        else:
            assert item["rank"] == last
        last = item["rank"]


def test_tasks_are_listed_with_their_indexes(ledger: Ledger, where: tuple[str, str]) -> None:
    ledger.start_run(*where)
    ledger.record_task(*where, "plain", "success", 1)
    for index in (0, 1, 11):
        ledger.record_task(*where, "g.mapped", "success", 1, map_index=index)
    found = {(item["task_id"], item["map_index"]) for item in ledger.tasks(*where)}
    assert found == {("plain", -1), ("g.mapped", 0), ("g.mapped", 1), ("g.mapped", 11)}


VALUES = [None, True, 0, 1.5, -1e300, "", "ü", [], [1, [None]], {}, {"a": {"b": 0.1}}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_an_xcom_comes_back(ledger: Ledger, where: tuple[str, str], value: object) -> None:
    ledger.put_xcom(*where, "t", "k", value, mapped_length=3)
    item = ledger.xcom(*where, "t", "k")
    assert item is not None and (item["value"], item["mapped_length"]) == (value, 3)
    ledger.delete_xcom(*where, "t", "k")
    assert ledger.xcom(*where, "t", "k") is None


def test_xcoms_are_in_the_order_of_map_indexes(ledger: Ledger, where: tuple[str, str]) -> None:
    for index in (100, 9, 10, -1, 0):
        ledger.put_xcom(*where, "t", "a#b%", index, map_index=index)
    ledger.put_xcom(*where, "t", "a", "another key")
    ledger.put_xcom(*where, "t.t", "a#b%", "another task")
    assert [item["value"] for item in ledger.xcoms(*where, "t", "a#b%")] == [-1, 0, 9, 10, 100]
    assert next(ledger.xcoms(*where, "t", "a#b%", descending=True))["value"] == 100
    assert ledger.xcom_keys(*where, "t") == ["a", "a#b%"]
    assert ledger.xcom_keys(*where, "t", 9) == ["a#b%"]


def test_the_xcoms_of_one_instance_cost_as_much_as_it_has_keys(ledger: Ledger, where: tuple[str, str]) -> None:
    for index in range(30):
        for key in ("return_value", "a", "a$b", "a#b"):
            if (key, index) != ("a", 7):
                ledger.put_xcom(*where, "t", key, index, map_index=index)
    ledger.put_xcom(*where, "t$", "other", 0, map_index=7)
    ledger.put_xcom(*where, "t.t", "other", 0, map_index=7)
    calls = Counter[str]()
    client = dynamodb(ledger._client.meta.endpoint_url)
    client.meta.events.register("before-call.dynamodb", lambda model, **_: calls.update([model.name]))
    found = {item["key"]: item["value"] for item in Ledger(ledger.table, client).xcoms_of_instance(*where, "t", 7)}
    assert found == {"return_value": "7", "a$b": "7", "a#b": "7"}
    assert calls == {"Query": 5, "GetItem": 4}


@pytest.mark.parametrize("size", [420_000, 2_000_000])
def test_an_item_over_the_limit_is_told(ledger: Ledger, where: tuple[str, str], size: int) -> None:
    with pytest.raises(ItemTooLargeError, match="over DynamoDB's limit of 409,600 bytes: return a reference"):
        ledger.put_xcom(*where, "t", "big", "x" * size)
    ledger.record_task(*where, "t", "running", 1)
    with pytest.raises(ItemTooLargeError):
        ledger.update(schema.run_pk(*where), schema.task_sk("t"), {"rendered_fields": "x" * size})
    ledger.put_xcom(*where, "t", "fits", "x" * 400_000)


def test_updates_can_be_conditional(ledger: Ledger, where: tuple[str, str]) -> None:
    key = (schema.run_pk(*where), "job#one")
    assert ledger.update(*key, {"claimed_by": "me"}, condition="attribute_not_exists(#claimed_by)")
    assert not ledger.update(*key, {"claimed_by": "you"}, condition="attribute_not_exists(#claimed_by)")
    assert ledger.update(*key, {"claimed_by": None, "id": 2.5}, condition="#claimed_by = :was", values={":was": "me"})
    item = ledger.get(*key)
    assert item is not None and (item["id"], "claimed_by" in item) == (2.5, False)


def test_many_task_instances_move_together(ledger: Ledger, where: tuple[str, str]) -> None:
    """A hundred writes a request; what has ended otherwise meanwhile stays, and keeps no other from its end."""
    ledger.record_task(*where, "late", "success", 1)
    pk = run_pk(*where)
    keys = [schema.task_sk(f"t{n}") for n in range(120)] + [schema.task_sk("late")]
    keys += [schema.task_sk("mapped", n) for n in range(60)]
    changes = {**moved_to("skipped", 0), "stopped": True}
    ledger.move_tasks([Move(pk, key, changes, "attribute_not_exists(pk)", {}) for key in keys])
    states = Counter((item["task_id"] == "late", item["state"]) for item in ledger.tasks(*where))
    assert states == {(False, "skipped"): 180, (True, "success"): 1}
    assert sorted(ledger.ends(*where, "mapped")) == [(n, "skipped") for n in range(60)]


def test_the_moves_of_a_request_are_one_call(ledger: Ledger, where: tuple[str, str]) -> None:
    calls: Counter[str] = Counter()
    client = dynamodb(ledger._client.meta.endpoint_url)
    client.meta.events.register("before-call.dynamodb", lambda model, **_: calls.update([model.name]))
    counted = Ledger(ledger.table, client)
    pk, changes = run_pk(*where), moved_to("failed", 1)
    moves = [Move(pk, schema.task_sk(f"t{n}"), changes, "attribute_not_exists(pk)", {}) for n in range(250)]
    counted.move_tasks(moves)
    assert len(ledger.tasks(*where)) == 250
    # dynalite knows no transactions.
    assert calls in ({"TransactWriteItems": 3}, {"TransactWriteItems": 1, "UpdateItem": 250})
