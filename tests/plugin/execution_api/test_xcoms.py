"""XComs by Airflow's client: single values, sequences of mapped tasks, prior runs, limits."""

from __future__ import annotations

import itertools

import pytest
from airflow.sdk.api.client import ServerResponseError
from airflow.sdk.execution_time.comms import ErrorResponse
from harness import start_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Api, MakeApi

KEYS = ["return_value", "with space", "a/b", "50%", "ключ", "a/", "/a", "/", "k" * 512]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [None, 1, 1.5, "text", [1, {"a": None}], {"b": [True]}])
def test_a_value_comes_back(api: Api, key: str, value: object) -> None:
    xcoms = api.client.xcoms
    xcoms.set(*api.where, key, value)
    assert xcoms.get(*api.where, key).value == value
    xcoms.delete(*api.where, key)
    assert xcoms.get(*api.where, key).value is None
    assert xcoms.head(*api.where, key).len == 0


def test_an_empty_key_is_refused(api: Api) -> None:
    """As Airflow's server does; it is not the same as a value that is not there."""
    xcoms, refusal = api.client.xcoms, "Remote server returned validation error"
    for call in (
        lambda: xcoms.set(*api.where, "", "value"),
        lambda: xcoms.get(*api.where, ""),
        lambda: xcoms.delete(*api.where, ""),
        lambda: xcoms.get_sequence_slice(*api.where, "", None, None, None),
        lambda: api.client.variables.set("", "value", None),
        lambda: api.client.variables.delete(""),
        lambda: api.client.task_state_store.get(api.id, ""),
    ):
        with pytest.raises(ServerResponseError, match=refusal):
            call()


def test_a_key_that_the_ledger_cannot_hold_is_refused(api: Api) -> None:
    with pytest.raises(ServerResponseError, match="key"):
        api.client.xcoms.set(*api.where, "k" * 1100, "value")


@pytest.fixture
def mapped(api: Api) -> Api:
    """Values at the map indexes 0, 2, 3, 10 and 11."""
    for index in (10, 0, 3, 2, 11):
        api.client.xcoms.set(*api.where, "k", index, map_index=index)
    return api


VALUES = [0, 2, 3, 10, 11]


def test_sequence(mapped: Api) -> None:
    xcoms = mapped.client.xcoms
    assert xcoms.head(*mapped.where, "k").len == 5
    assert xcoms.get(*mapped.where, "k", map_index=10).value == 10
    assert xcoms.get(*mapped.where, "k", map_index=1).value is None
    for offset in (0, 1, 4, -1, -5):
        assert xcoms.get_sequence_item(*mapped.where, "k", offset).root == VALUES[offset]
    for offset in (5, -6):
        assert isinstance(xcoms.get_sequence_item(*mapped.where, "k", offset), ErrorResponse)


def test_every_slice_is_pythons(mapped: Api) -> None:
    bounds = (None, 0, 2, 9, -1, -3, -9)
    for start, stop, step in itertools.product(bounds, bounds, (None, 1, 2, -1, -2)):
        found = mapped.client.xcoms.get_sequence_slice(*mapped.where, "k", start, stop, step).root
        assert found == VALUES[start:stop:step], (start, stop, step)


def test_prior_dates(make_api: MakeApi) -> None:
    api = make_api(run={"logical_date": "2026-03-03T00:00:00Z"})
    for day, run_id in enumerate(("run-a", "run-b", "run-late"), start=1):
        date = "2026-03-09T00:00:00Z" if run_id == "run-late" else f"2026-03-0{day}T00:00:00Z"
        start_run(api.ledger, api.session.dag_id, run_id, logical_date=date)
        api.ledger.put_xcom(api.session.dag_id, run_id, "task", "k", run_id)
    assert api.client.xcoms.get(*api.where, "k").value is None
    assert api.client.xcoms.get(*api.where, "k", include_prior_dates=True).value == "run-b"
    found = api.client.xcoms.get_sequence_slice(*api.where, "k", None, None, None, include_prior_dates=True).root
    assert sorted(found) == ["run-a", "run-b"]


def test_too_large_a_value_is_refused_at_once(api: Api) -> None:
    with pytest.raises(ServerResponseError) as caught:
        api.client.xcoms.set(*api.where, "k", "x" * 450_000)
    assert caught.value.response.status_code == 413
    assert "over DynamoDB's limit of 409,600 bytes" in str(caught.value.response.json()["detail"])


def test_mapped_length(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "3")
    api.client.xcoms.set(*api.where, "k", [1, 2, 3], mapped_length=3)
    item = api.ledger.xcom(*api.where, "k")
    assert item is not None and item["mapped_length"] == 3
    with pytest.raises(ServerResponseError) as caught:
        api.client.xcoms.set(*api.where, "k", [1, 2, 3, 4], mapped_length=4)
    assert caught.value.response.status_code == 400
    assert caught.value.response.json()["detail"]["reason"] == "unmappable_return_value_length"


# What a URL takes for its own; Airflow's client does not quote keys either.
_CHARACTERS = st.characters(exclude_characters="?#%/\\.", exclude_categories=("Cs", "Cc", "Z"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.text(_CHARACTERS, min_size=1, max_size=40))
def test_any_key_finds_its_own_values_only(api: Api, key: str) -> None:
    xcoms = api.client.xcoms
    xcoms.set(*api.where, key, key)
    assert xcoms.get(*api.where, key).value == key
    assert xcoms.head(*api.where, key).len == 1
