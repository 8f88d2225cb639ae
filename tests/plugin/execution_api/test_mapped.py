"""What the instances of mapped tasks ask: how many they are, and items of long sequences."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ductwork.contracts import ledger as schema
from ductwork_airflow.ledger import Ledger

from .conftest import Api, MakeApi


class Counting:
    """A DynamoDB client that counts calls."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._real, name)


def counted(api: Api) -> Counter[str]:
    """The calls that the API makes from now on."""
    client = Counting(api.ledger._client)
    api.session.ledger = Ledger(api.ledger.table, client)
    return client.calls


def test_a_long_sequence_is_read_an_item_at_a_time(api: Api) -> None:
    for index in range(150):
        api.ledger.put_xcom(*api.where, "k", "x" * 10_000 + str(index), map_index=2 * index)
    calls, xcoms = counted(api), api.client.xcoms
    found = [xcoms.get_sequence_item(*api.where, "k", offset).root for offset in range(100)]
    assert [value.lstrip("x") for value in found] == [str(index) for index in range(100)]
    # The items' places are 1.5 MB of items away, two pages of a query; then each item is one call.
    assert (calls["get_item"], calls["query"] <= 4) == (100, True), calls
    calls.clear()
    found = xcoms.get_sequence_slice(*api.where, "k", -3, None, None).root
    assert [value.lstrip("x") for value in found] == ["147", "148", "149"]


def test_a_sequence_that_changes_is_looked_at_again(api: Api) -> None:
    xcoms = api.client.xcoms
    xcoms.set(*api.where, "k", "a", map_index=0)
    assert xcoms.get_sequence_item(*api.where, "k", 0).root == "a"
    api.ledger.put_xcom(*api.where, "k", "b", map_index=1)
    assert xcoms.get_sequence_item(*api.where, "k", 1).root == "b"
    api.ledger.delete_xcom(*api.where, "k", 0)
    assert xcoms.get_sequence_item(*api.where, "k", 0).root == "b"
    xcoms.set(*api.where, "k", "first", map_index=0)
    assert xcoms.get_sequence_item(*api.where, "k", 0).root == "first"


@pytest.fixture
def mapped(make_api: MakeApi) -> Api:
    """Instance 2 of ``task``, of which the ledger knows no other; ``wide`` has four, of which one has begun."""
    api = make_api(map_index=2, run={"tasks": {"task": {}, "wide": {}, "plain": {}}})
    api.session.map_size = 5
    dag_id, run_id, _ = api.where
    api.start()
    api.ledger.put(schema.run_pk(dag_id, run_id), schema.map_sk("wide"), {"size": 4})
    api.ledger.record_task(dag_id, run_id, "wide", "success", 1, map_index=1)
    return api


def count(api: Api, **query: Any) -> int:
    dag_id, run_id, _ = api.where
    return int(api.ti.get_count(dag_id=dag_id, run_ids=[run_id], **query).count)


def test_instances_that_have_not_begun_count(mapped: Api) -> None:
    calls = counted(mapped)
    assert count(mapped, task_ids=["task"]) == 5
    assert not calls, "an instance knows how many its siblings are"
    assert count(mapped, task_ids=["wide"]) == 4
    assert count(mapped, task_ids=["wide"], states=["success"]) == 1
    assert count(mapped, task_ids=["wide", "plain"]) == 5
    assert count(mapped, task_ids=["wide"], map_index=3) == 1
    assert count(mapped) == 6


def test_siblings_that_begin_meanwhile_do_not_change_their_number(mapped: Api) -> None:
    """A task of a mapped group is not told how many siblings it has: it asks twice, and takes the quotient."""
    mapped.session.map_size = None
    dag_id, run_id, _ = mapped.where
    assert count(mapped, task_ids=["task"]) == 1
    mapped.ledger.record_task(dag_id, run_id, "task", "running", 1, map_index=0)
    assert count(mapped, task_ids=["task"]) == 1
    assert count(mapped, task_ids=["task"], states=["running"]) == 2


def test_their_states_are_told(mapped: Api) -> None:
    dag_id, run_id, _ = mapped.where
    states = mapped.ti.get_task_states(dag_id=dag_id, run_ids=[run_id], task_ids=["wide"]).task_states
    assert states == {run_id: {"wide_0": None, "wide_1": "success", "wide_2": None, "wide_3": None}}
