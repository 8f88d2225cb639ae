"""A task's life as its supervisor reports it: start, heartbeat, end, and who is refused."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.api.client import ServerResponseError
from airflow.sdk.api.datamodels._generated import TerminalStateNonSuccess
from airflow.sdk.execution_time.comms import DeferTask, RescheduleTask, SkipDownstreamTasks
from ductwork_airflow.execution_api import Resumption
from ductwork_airflow.execution_api.transport import ROUTES

from .conftest import NOW, Api, MakeApi


def refused(call: Any, *args: Any, **kwargs: Any) -> tuple[int, dict[str, Any]]:
    """Status and detail of a refusal."""
    with pytest.raises(Exception) as caught:
        call(*args, **kwargs)
    error = caught.value if isinstance(caught.value, ServerResponseError) else caught.value.__cause__
    assert isinstance(error, ServerResponseError), caught.value
    return error.response.status_code, error.response.json()["detail"]


def test_start_hands_out_the_run(make_api: MakeApi) -> None:
    api = make_api(max_tries=2, run={"conf": '{"a": 1}'})
    context = api.start()
    assert context.dag_run.run_id == "run-1"
    assert context.dag_run.conf == {"a": 1}
    assert context.dag_run.logical_date.isoformat() == "2026-03-01T00:00:00+00:00"
    assert (context.max_tries, context.should_retry, context.xcom_keys_to_clear) == (2, True, [])
    assert (api.item["state"], api.item["pid"], api.item["job_id"], api.item["try_number"]) == (
        "running",
        7,
        "job-1",
        1,
    )
    assert api.item["started_at"] == "2026-03-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("try_number", "max_tries", "expected"), [(1, 0, False), (1, 1, True), (2, 1, False), (2, 2, True), (3, 2, False)]
)
def test_should_retry(make_api: MakeApi, try_number: int, max_tries: int, expected: bool) -> None:
    assert make_api(try_number=try_number, max_tries=max_tries).start().should_retry is expected


def test_a_new_try_starts_clean(make_api: MakeApi) -> None:
    api = make_api(max_tries=1)
    api.start()
    api.client.xcoms.set(*api.where, "key", 1)
    api.ti.set_rtif(api.id, {"field": "x"})
    api.ti.retry(api.id, NOW, None)
    assert (api.item["state"], "outcome" in api.item) == ("up_for_retry", False)
    second = make_api(dag_id=api.session.dag_id, try_number=2, job_id="job-2")
    assert second.start().xcom_keys_to_clear == ["key"]
    assert (second.item["state"], second.item["try_number"]) == ("running", 2)
    assert "rendered_fields" not in second.item


def test_a_stale_or_second_start_is_refused(make_api: MakeApi) -> None:
    api = make_api()
    api.start(pid=7)
    api.start(pid=7)  # the same process may ask again
    status, detail = refused(api.start, pid=8)
    assert (status, detail["reason"], detail["previous_state"]) == (409, "invalid_state", "running")
    make_api(dag_id=api.session.dag_id, try_number=2, job_id="job-2").start()
    assert refused(api.start)[0] == 409
    assert api.item["try_number"] == 2


def test_nothing_starts_while_the_worker_is_stopped(api: Api) -> None:
    api.session.stopping = True
    assert refused(api.start)[1]["message"] == "the worker is being stopped"
    assert api.item == {}


def test_a_run_without_what_it_needs_says_so(make_api: MakeApi) -> None:
    api = make_api(run={"run_after": None})
    status, detail = refused(api.start)
    assert (status, detail["reason"]) == (400, "ledger")
    assert "has no 'run_after' in the ledger" in detail["message"]


def test_heartbeat(make_api: MakeApi) -> None:
    api = make_api()
    assert refused(api.ti.heartbeat, api.id, 7)[0] == 404
    api.start(pid=7)
    before = api.item["heartbeat_at"]
    api.ti.heartbeat(api.id, 7)
    assert api.item["heartbeat_at"] > before
    assert refused(api.ti.heartbeat, api.id, 8)[1]["reason"] == "running_elsewhere"
    make_api(dag_id=api.session.dag_id, try_number=2, job_id="job-2").start()
    assert refused(api.ti.heartbeat, api.id, 7)[0] == 410


def test_heartbeat_of_what_has_ended(api: Api) -> None:
    api.start(pid=7)
    api.session.record("failed")
    status, detail = refused(api.ti.heartbeat, api.id, 7)
    assert (status, detail["reason"], detail["current_state"]) == (409, "not_running", "failed")


def test_heartbeats_that_come_too_soon_are_not_written(api: Api) -> None:
    api.session.heartbeat_every = 60
    api.start(pid=7)
    before = api.item["heartbeat_at"]
    api.ti.heartbeat(api.id, 7)
    assert api.item["heartbeat_at"] == before


@pytest.mark.parametrize("state", [TerminalStateNonSuccess.FAILED, TerminalStateNonSuccess.SKIPPED])
def test_an_end_is_recorded_once(api: Api, state: TerminalStateNonSuccess) -> None:
    api.start()
    api.ti.finish(api.id, state, NOW, "label")
    assert (api.item["state"], api.item["outcome"]) == (state.value, state.value)
    assert (api.item["ended_at"], api.item["rendered_map_index"]) == ("2026-03-01T12:00:00.000Z", "label")
    api.ti.finish(api.id, state, NOW, "label")
    assert refused(api.ti.succeed, api.id, NOW, [], [], None)[1]["previous_state"] == state.value


def test_retry_keeps_the_delay_a_policy_asked_for(make_api: MakeApi) -> None:
    api = make_api(max_tries=1)
    api.start()
    payload = {"state": "up_for_retry", "end_date": NOW.isoformat(), "retry_delay_seconds": 12.5}
    api.client.patch(f"task-instances/{api.id}/state", json=payload)
    assert (api.item["state"], api.item["retry_delay"]) == ("up_for_retry", 12.5)


def test_deferral_keeps_its_arguments_out_of_the_ledger(api: Api) -> None:
    api.start()
    message = DeferTask(
        classpath="some.Trigger",
        trigger_kwargs={"password": "s3cr3t"},
        trigger_timeout=timedelta(hours=1),
        next_method="resume",
        next_kwargs={"password": "s3cr3t"},
    )
    api.ti.defer(api.id, message)
    assert (api.item["state"], json.loads(api.item["trigger"])) == ("deferred", {"classpath": "some.Trigger"})
    assert "s3cr3t" not in str(api.item)
    deferral = api.session.deferral
    assert deferral is not None
    assert (deferral.classpath, deferral.timeout, deferral.next_method) == ("some.Trigger", 3600, "resume")
    assert "s3cr3t" in str(deferral.trigger_kwargs)
    api.ti.heartbeat(api.id, 7)
    assert api.item["state"] == "deferred"


def test_a_deferred_task_resumes_where_it_was(api: Api) -> None:
    first = api.start()
    assert first.next_method is None
    api.client.xcoms.set(*api.where, "kept", 1)
    api.ti.defer(api.id, DeferTask(classpath="some.Trigger", next_method="resume"))
    api.session.resumption = Resumption("resume", {"event": 1})
    again = api.ti.start(api.id, 8, NOW + timedelta(hours=1))
    assert (again.next_method, again.next_kwargs, again.xcom_keys_to_clear) == ("resume", {"event": 1}, [])
    assert (api.item["started_at"], api.item["pid"]) == ("2026-03-01T12:00:00.000Z", 8)


def test_reschedules_are_counted_within_a_try(make_api: MakeApi) -> None:
    api = make_api(max_tries=1)
    assert api.start().task_reschedule_count == 0
    assert api.ti.get_reschedule_start_date(api.id).start_date is None
    message = RescheduleTask(reschedule_date=NOW + timedelta(minutes=1), end_date=NOW)
    api.ti.reschedule(api.id, message)
    assert (api.item["state"], api.item["until"]) == ("up_for_reschedule", "2026-03-01T12:01:00.000Z")
    first = api.ti.get_reschedule_start_date(api.id).start_date
    again = make_api(dag_id=api.session.dag_id, job_id="job-2", max_tries=1)
    assert again.start().task_reschedule_count == 1
    again.ti.reschedule(again.id, message)
    assert again.item["reschedule_count"] == 2
    assert again.ti.get_reschedule_start_date(again.id).start_date == first
    again = make_api(dag_id=api.session.dag_id, job_id="job-3", max_tries=1)
    again.start()
    again.ti.retry(again.id, NOW, None)
    second_try = make_api(dag_id=api.session.dag_id, try_number=2, job_id="job-4")
    assert second_try.start().task_reschedule_count == 0


def test_skip_downstream_is_kept_for_the_machine(api: Api) -> None:
    api.start()
    api.ti.skip_downstream_tasks(api.id, SkipDownstreamTasks(tasks=["a", ("b", -1)]))
    api.ti.skip_downstream_tasks(api.id, SkipDownstreamTasks(tasks=["b", "c"]))
    assert api.item["skipped"] == ["a", "b", "c"]


def test_fields_for_people_never_fail_a_task(api: Api) -> None:
    api.start()
    api.ti.set_rtif(api.id, {"big": "x" * 450_000})
    assert "rendered_fields" not in api.item
    api.client.patch(f"task-instances/{api.id}/rendered-map-index", json="label")
    assert api.item["rendered_map_index"] == "label"
    assert api.ti.validate_inlets_and_outlets(api.id).inactive_assets == []


def test_another_task_instances_id_is_not_found(api: Api, make_api: MakeApi) -> None:
    other = make_api().id
    assert refused(api.ti.heartbeat, other, 7) == (404, {"reason": "not_found", "message": "Task Instance not found"})


@pytest.mark.parametrize(
    ("method", "path", "named"),
    [
        ("POST", "dag-runs/other/run-2", "triggering a DAG run without a logical date"),
        ("POST", "dag-runs/other/run-2/clear", "starting DAG runs"),
        ("POST", "hitlDetails/x", "human-in-the-loop operators"),
    ],
)
def test_what_is_not_supported_says_so(
    api: Api, method: str, path: str, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    status, detail = refused(api.client.request, method, path, json={})
    assert (status, detail["reason"]) == (400, "unsupported")
    assert named in detail["message"]
    assert path in caplog.text


def test_unknown_verbs_are_named(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    status, detail = refused(api.client.get, "no/such/verb")
    assert (status, detail["message"]) == (404, "Ductwork does not know GET no/such/verb")
    assert "no/such/verb" in caplog.text


def test_no_two_routes_are_the_same() -> None:
    keys = [(method, pattern) for method, pattern, _ in ROUTES]
    assert len(keys) == len(set(keys))
