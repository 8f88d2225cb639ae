"""The REST API's requests: through its mapping templates to the control machine, and the answers back."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from api_gateway import rendered
from ductwork.cloudformation.starting import control_machine, mapping_templates, rest_api
from remote_runs import TABLE

from .conftest import Outside


@pytest.fixture(scope="module")
def machine(outside: Outside) -> str:
    return outside.machine("api", control_machine.definition(outside.places, of_rows=False))


@pytest.fixture
def call(outside: Outside, machine: str) -> Any:
    """What a POST is answered: status and body. moto starts the machine as a standard one, which says the same."""

    def call(action: str, body: dict[str, Any], dag_id: str | None = None) -> tuple[object, Any]:
        jsonschema.validate(body, rest_api.body_schema(action))
        said, in_path = ("", ()) if action == "schedule" else (action, ("dag_id",))
        request, _ = rendered(mapping_templates.start_execution(said, in_path), body, {"dag_id": dag_id or ""})
        assert request["stateMachineArn"] == "${StateMachine}"
        ended = outside.execute(machine, json.loads(request["input"]))
        answer, status = rendered(mapping_templates.ANSWER, json.loads(json.dumps(ended, default=str)))
        return status, answer

    return call


@pytest.fixture
def status(outside: Outside) -> Any:
    def status(dag_id: str, run_id: str) -> tuple[object, Any]:
        query, _ = rendered(mapping_templates.QUERY, {}, {"dag_id": dag_id, "run_id": run_id})
        found = outside.remote.aws.aws.client("dynamodb").query(**{**query, "TableName": TABLE})
        answer, code = rendered(mapping_templates.STATUS, {name: found[name] for name in ("Items",)})
        return code, answer

    return status


def test_a_run_is_started_and_seen(outside: Outside, call: Any, status: Any) -> None:
    run_id = 'it\'s "mine"'
    code, answer = call("start", {"run_id": run_id, "logical_date": "2026-03-02", "conf": {"a": [1, "ü"]}}, "good")
    assert (code, answer["dag_id"]) == (202, "good")
    assert outside.ended(answer["execution_arn"])["status"] == "SUCCEEDED"
    run = outside.remote.ledger.run("good", run_id)
    assert run is not None
    assert (run["logical_date"], json.loads(run["conf"])) == ("2026-03-02T00:00:00+00:00", {"a": [1, "ü"]})
    code, seen = status("good", run_id)
    assert (code, seen["state"], seen["complete"]) == (None, "success", True)
    assert [(task["task_id"], task["map_index"], task["state"]) for task in seen["tasks"]] == [
        ("end", -1, "success"),
        ("work", -1, "success"),
    ]
    assert status("good", "another") == (404, {"message": "the ledger has no such run"})


def test_the_same_run_asked_for_twice_runs_once(outside: Outside, call: Any) -> None:
    for _ in range(2):
        _, answer = call("start", {"run_id": "twice"}, "good")
        assert outside.ended(answer["execution_arn"])["status"] == "SUCCEEDED"
    assert len(outside.remote.ledger.tasks("good", "twice")) == 2
    run = outside.remote.ledger.run("good", "twice")
    assert run is not None
    assert run["execution_arn"] != answer["execution_arn"]


def test_restart_skip_and_cancel_run_the_command_line(outside: Outside, call: Any, status: Any) -> None:
    """In a job of the worker's image, whose command is what a user would type."""
    _, started = call("start", {"run_id": "mend"}, "bad")
    outside.ended(started["execution_arn"])
    assert status("bad", "mend")[1]["state"] == "failed"
    outside.flag.write_text("")
    code, answer = call("restart", {"run_id": "mend", "tasks": ["work"]}, "bad")
    assert (code, answer["action"]) == (202, "restart")
    done = job(outside, answer["job_id"])
    assert done["status"] == "SUCCEEDED", done
    assert done["container"]["command"] == [
        *("ductwork", "restart", "--ledger-table", TABLE, "--no-wait", "--task", "work", "--", "bad", "mend")
    ]
    run = outside.remote.ledger.run("bad", "mend")
    assert run is not None
    outside.ended(run["execution_arn"])
    assert status("bad", "mend")[1]["state"] == "success"
    outside.flag.unlink()
    for action, more, words in (
        ("skip", {"tasks": ["work", "end"]}, ["--no-wait", "--", "bad", "mend", "work", "end"]),
        ("cancel", {}, ["--", "bad", "mend"]),
    ):
        _, answer = call(action, {"run_id": "mend", **more}, "bad")
        command = job(outside, answer["job_id"])["container"]["command"]
        assert command == ["ductwork", action, "--ledger-table", TABLE, *words]


def job(outside: Outside, job_id: str) -> Any:
    import time

    deadline = time.monotonic() + 120
    while True:
        (found,) = outside.remote.batch.describe_jobs(jobs=[job_id])["jobs"]
        if found["status"] in {"SUCCEEDED", "FAILED"}:
            return found
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_universal_scheduler_s_message(outside: Outside, call: Any) -> None:
    message = {"scheduleId": "good", "startDateTime": "2026-03-05T06:00:00Z", "scheduleStatus": "START"}
    code, answer = call("schedule", message)
    assert code == 202
    outside.ended(answer["execution_arn"])
    run = outside.remote.ledger.run("good", "manual__2026-03-05T06:00:00Z")
    assert run is not None
    assert run["logical_date"] == "2026-03-05T06:00:00+00:00"
    _, answer = call("schedule", {**message, "scheduleStatus": "RESTART"})
    assert (answer["action"], answer["run_id"]) == ("restart", "manual__2026-03-05T06:00:00Z")


@pytest.mark.parametrize(
    ("action", "body", "dag_id", "says"),
    [
        ("start", {}, "other", "no DAG other may be started here"),
        (
            "schedule",
            {"scheduleId": "good", "scheduleStatus": "RESTART", "startDateTime": " "},
            None,
            "needs the run_id",
        ),
        ("start", {"run_id": "r", "conf": "no JSON"}, "good", None),
    ],
)
def test_what_is_refused(call: Any, action: str, body: Any, dag_id: str | None, says: str | None) -> None:
    code, answer = call(action, body, dag_id)
    if says is None:
        assert code == 202  # the run's own machine refuses it, and says why
    else:
        assert (code, says in answer["message"]) == (422, True)


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("start", {"dag_id": "another"}),
        ("restart", {}),
        ("skip", {"run_id": "r"}),
        ("skip", {"run_id": "r", "tasks": ["--failed"]}),
        ("restart", {"run_id": "r", "tasks": ["a b"]}),
        ("schedule", {"scheduleId": "good", "scheduleStatus": "EXPLODE"}),
    ],
)
def test_what_does_not_get_past_the_models(action: str, body: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, rest_api.body_schema(action))
