"""Variables, connections, runs, other task instances, assets and stores by Airflow's client."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone

import pytest
from airflow.sdk.api.client import ServerResponseError
from airflow.sdk.execution_time.comms import ErrorResponse
from cryptography.fernet import Fernet
from harness import start_run

from .conftest import NOW, Api, MakeApi

DAY = datetime(2026, 3, 1, tzinfo=timezone.utc)


# ---- variables and connections ----


@pytest.fixture
def fernet_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())


@pytest.mark.usefixtures("fernet_key")
def test_a_variable_set_by_a_task_is_kept_encrypted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, prefix = api.client.variables, api.session.dag_id
    assert isinstance(variables.get(f"{prefix}_a"), ErrorResponse)
    variables.set(f"{prefix}_a", "open sesame", "a description")
    assert variables.get(f"{prefix}_a").value == "open sesame"
    stored = api.ledger.get(f"variable#{prefix}_a", "variable")
    assert stored is not None and "sesame" not in str(stored)
    variables.set(f"{prefix}_b", "2")
    keys = api.client.get("variables/keys", params={"prefix": prefix}).json()
    assert keys == {"keys": [f"{prefix}_a", f"{prefix}_b"], "total_entries": 2}
    monkeypatch.setenv(f"AIRFLOW_VAR_{prefix.upper()}_A", "from the environment")
    assert variables.get(f"{prefix}_a").value == "from the environment"
    variables.delete(f"{prefix}_b")
    assert isinstance(variables.get(f"{prefix}_b"), ErrorResponse)


@pytest.mark.parametrize("key", ["", "not a key"])
def test_without_a_fernet_key_no_variable_is_kept(api: Api, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", key)
    with pytest.raises(ServerResponseError) as caught:
        api.client.variables.set("name", "value")
    assert "[core] fernet_key" in caught.value.response.json()["detail"]["message"]


@pytest.mark.usefixtures("fernet_key")
def test_another_fernet_key_is_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.client.variables.set(f"{api.session.dag_id}_x", "value")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    with pytest.raises(ServerResponseError) as caught:
        api.client.variables.get(f"{api.session.dag_id}_x")
    assert "encrypted under another key" in caught.value.response.json()["detail"]["message"]


def test_connections_come_from_the_secrets_backends(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(api.client.connections.get("nothing"), ErrorResponse)
    monkeypatch.setenv("AIRFLOW_CONN_DB", "postgres://user:pass@host:5432/schema?x=1")
    found = api.client.connections.get("db")
    assert (found.conn_type, found.login, found.port, found.schema_) == ("postgres", "user", 5432, "schema")


# ---- runs ----


def three_runs(api: Api) -> None:
    for number, state in enumerate(("success", "failed"), start=1):
        date = (DAY - timedelta(days=number)).isoformat()
        start_run(api.ledger, api.session.dag_id, f"before-{number}", logical_date=date, state=state)


def test_runs(api: Api) -> None:
    three_runs(api)
    runs, dag_id = api.client.dag_runs, api.session.dag_id
    assert runs.get_state(dag_id, "before-2").state == "failed"
    assert runs.get_count(dag_id).count == 3
    assert runs.get_count(dag_id, states=["success", "running"]).count == 2
    assert runs.get_count(dag_id, logical_dates=[DAY]).count == 1
    assert runs.get_count(dag_id, run_ids=["before-1", "none"]).count == 1
    assert runs.get_previous(dag_id, DAY).dag_run.run_id == "before-1"
    assert runs.get_previous(dag_id, DAY, "failed").dag_run.run_id == "before-2"
    assert runs.get_previous(dag_id, DAY - timedelta(days=9)).dag_run is None
    old = api.client.get(f"dag-runs/{dag_id}/previous", params={"logical_date": DAY.isoformat()}).json()
    assert old["run_id"] == "before-1"
    previous = api.ti.get_previous_successful_dagrun(api.id)
    assert previous.data_interval_start is not None
    with pytest.raises(ServerResponseError) as caught:
        runs.get_state(dag_id, "none")
    assert caught.value.response.status_code == 404


def test_a_dag_is_known_by_its_runs(api: Api) -> None:
    found = api.client.get(f"dags/{api.session.dag_id}").json()
    assert (found["relative_fileloc"], found["bundle_name"], found["is_paused"]) == ("dag.py", "dags-folder", False)
    with pytest.raises(ServerResponseError):
        api.client.get("dags/unknown")


# ---- other task instances ----


def test_other_task_instances(make_api: MakeApi) -> None:
    api = make_api(run={"tasks": {"task": {}, "g.one": {}, "g.two": {}, "later": {}}})
    dag_id = api.session.dag_id
    where = (dag_id, "run-1")
    api.ledger.record_task(*where, "g.one", "success", 1, started_at="2026-03-01T00:00:00.000Z")
    api.ledger.record_task(*where, "g.two", "failed", 1, map_index=0)
    api.ledger.record_task(*where, "g.two", "success", 1, map_index=1)
    ti = api.ti
    assert ti.get_count(dag_id).count == 5
    assert ti.get_count(dag_id, states=["success"]).count == 2
    assert ti.get_count(dag_id, states=["null"]).count == 2
    assert ti.get_count(dag_id, task_group_id="g").count == 3
    assert ti.get_count(dag_id, task_ids=["g.two"], map_index=1).count == 1
    assert ti.get_count(dag_id, logical_dates=[DAY + timedelta(days=1)]).count == 0
    states = ti.get_task_states(dag_id, run_ids=["run-1"]).task_states
    assert states == {
        "run-1": {"g.one": "success", "g.two_0": "failed", "g.two_1": "success", "task": None, "later": None}
    }
    crumbs = api.client.get("task-instances/breadcrumbs", params={"dag_id": dag_id, "run_id": "run-1"}).json()
    assert [(crumb["task_id"], crumb["map_index"]) for crumb in crumbs["breadcrumbs"]] == [
        ("g.one", -1),
        ("g.two", 0),
        ("g.two", 1),
    ]
    with pytest.raises(ServerResponseError):
        ti.get_count(dag_id, task_group_id="nowhere")


def test_previous_task_instance(api: Api) -> None:
    three_runs(api)
    dag_id = api.session.dag_id
    api.ledger.record_task(dag_id, "before-2", "task", "success", 1)
    path = f"task-instances/previous/{dag_id}/task"
    found = api.client.get(path, params={"logical_date": DAY.isoformat()}).json()
    assert (found["run_id"], found["state"], found["try_number"]) == ("before-2", "success", 1)
    assert api.client.get(path, params={"state": "failed"}).json() is None


# ---- assets ----


def test_asset_events(api: Api) -> None:
    name, uri = f"name-{api.id}", f"s3://bucket/{api.id}"
    outlets = [{"name": name, "uri": uri, "type": "Asset"}, {"name": "alias", "type": "AssetAlias"}]
    key = {"name": name, "uri": uri}
    aliased = {"name": f"via-{api.id}", "uri": f"x://{api.id}"}
    events = [
        {"dest_asset_key": key, "extra": {"n": 1}},
        {"dest_asset_key": key, "extra": {"n": 2}},
        {"source_alias_name": "alias", "dest_asset_key": aliased, "extra": {}, "dest_asset_extra": {}},
    ]
    api.start()
    body = {"state": "success", "end_date": NOW.isoformat(), "task_outlets": outlets, "outlet_events": events}
    api.client.patch(f"task-instances/{api.id}/state", json=body)
    api.client.patch(f"task-instances/{api.id}/state", json=body)
    found = api.client.asset_events.get(name=name).asset_events
    assert sorted(event.extra["n"] for event in found) == [1, 2]
    assert {event.source_task_id for event in found} == {"task"}
    by_uri = api.client.asset_events.get(uri=uri).asset_events
    assert {event.id for event in by_uri} == {event.id for event in found}
    via = api.client.get("asset-events/by-asset-alias", params={"name": "alias", "ascending": "false", "limit": 1})
    assert len(via.json()["asset_events"]) == 1
    late = api.client.get("asset-events/by-asset", params={"name": name, "after": "2027-01-01T00:00:00Z"})
    assert late.json() == {"asset_events": []}
    assert api.client.assets.get(name=name).uri == uri
    assert isinstance(api.client.assets.get(uri="s3://unknown"), ErrorResponse)


def test_assets_of_the_dag_are_known_before_any_event(make_api: MakeApi) -> None:
    name = f"declared-{uuid.uuid4()}"
    plain, grouped = {"name": name, "uri": f"x://{name}"}, {"name": f"{name}-2", "uri": "y", "group": "g"}
    api = make_api(run={"assets": [plain, {**grouped, "extra": {"n": [1]}}]})
    get = api.client.assets.get
    assert get(name=name).model_dump(exclude={"type"}) == {**plain, "group": "asset", "extra": {}}
    assert get(uri="y").model_dump(exclude={"type"}) == {**grouped, "extra": {"n": [1]}}
    assert isinstance(get(name="y"), ErrorResponse)
    # A reference among the outlets stands for the asset.
    api.start()
    outlets = [{"name": name, "type": "AssetNameRef"}, {"name": "unknown", "type": "AssetNameRef"}]
    body = {"state": "success", "end_date": NOW.isoformat(), "task_outlets": outlets, "outlet_events": []}
    api.client.patch(f"task-instances/{api.id}/state", json=body)
    (event,) = api.client.asset_events.get(name=name).asset_events
    assert event.asset.uri == plain["uri"]


# ---- state stores (Airflow 3.3) ----


def test_task_state_store_survives_retries(make_api: MakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_api(max_tries=1)
    path = f"store/ti/{first.id}/job%2Fid"
    first.client.put(path, json={"value": {"id": 1}})
    second = make_api(dag_id=first.session.dag_id, try_number=2)
    second_path = f"store/ti/{second.id}/job%2Fid"
    assert second.client.get(second_path).json() == {"value": {"id": 1}}
    past = {"value": 1, "expires_at": "2026-01-01T00:00:00Z"}
    second.client.put(f"store/ti/{second.id}/old", json=past | {"expires_at": "2020-01-01T00:00:00Z"})
    for missing in (f"store/ti/{second.id}/old", path):
        with pytest.raises(ServerResponseError):
            second.client.get(missing)
    monkeypatch.setenv("AIRFLOW__STATE_STORE__CLEAR_ON_SUCCESS", "True")
    second.start()
    second.ti.succeed(second.id, NOW, [], [], None)
    with pytest.raises(ServerResponseError):
        second.client.get(second_path)


@pytest.mark.parametrize("kind", ["name", "uri"])
def test_asset_state_store(api: Api, kind: str) -> None:
    path, asset = f"store/asset/by-{kind}", {kind: str(api.id)}
    api.client.put(f"{path}/value", params={**asset, "key": "a"}, json={"value": [1]})
    api.client.put(f"{path}/value", params={**asset, "key": "b"}, json={"value": 2})
    assert api.client.get(f"{path}/value", params={**asset, "key": "a"}).json() == {"value": [1]}
    api.client.delete(f"{path}/value", params={**asset, "key": "a"})
    with pytest.raises(ServerResponseError):
        api.client.get(f"{path}/value", params={**asset, "key": "a"})
    api.client.delete(f"{path}/clear", params=asset)
    with pytest.raises(ServerResponseError):
        api.client.get(f"{path}/value", params={**asset, "key": "b"})
