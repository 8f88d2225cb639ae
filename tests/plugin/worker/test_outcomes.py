"""Each way a task can end, as a worker reports it to Step Functions and leaves it in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ductwork.contracts.ledger import UNMAPPED, run_pk, task_sk
from ductwork.contracts.task_facts import TaskFacts
from ductwork_airflow.ledger import moment, timestamp
from ductwork_airflow.worker.rescheduling import most_reschedules
from harness import Worked, Workers

MAX_TRIES = {"failed_for_good": 2, "retried": 1, "killed": 1, "has_policy": 2, "backs_off": 1, "dies_at_last": 1}
# Of tasks that the machine starts again when the worker says so.
DELAYS = {
    "has_policy": {"retry_delay": 7, "tells_delay": True},
    "backs_off": {"retry_delay": 7, "retry_backoff": 3, "tells_delay": True},
    "dies_at_last": {"retry_delay": 7, "retry_backoff": 3, "tells_delay": True},
}
MISSING = object()


@dataclass(frozen=True)
class Case:
    """
    :param report: the output of SendTaskSuccess, or error and cause of SendTaskFailure
    :param xcoms: by key; ``MISSING`` if there must be none
    """

    state: str
    report: dict[str, Any]
    xcoms: dict[str, Any]


def success(**xcoms: Any) -> Case:
    return Case("success", {"state": "success"}, xcoms)


def failed(cause: str, error: str = "Ductwork.Failed") -> Case:
    state = "failed" if error == "Ductwork.Failed" else "up_for_retry"
    return Case(state, {"error": error, "cause": cause}, {"return_value": MISSING})


RETRY = "Ductwork.Retry"
CASES = {
    "bash": success(return_value="the-run 7 default"),
    "python": success(return_value={"host": "db.example", "colour": "green", "ds": "2026-03-01"}),
    "taskflow": success(return_value=42, extra=[1, 2]),
    "callbacks": success(return_value=MISSING),
    "sets_variable": success(return_value="plain text"),
    "produces": success(),
    "skipped": Case("skipped", {"state": "skipped"}, {}),
    "branch": Case("success", {"state": "success", "skip": ["right"]}, {"return_value": MISSING}),
    "failed_for_good": failed("AirflowFailException: no use"),
    "retried": failed("ValueError: it broke", RETRY),
    "killed": failed("killed by signal 9", RETRY),
    "vanished": failed("the task's process ended without reporting a state"),
    "unserialisable": failed("TypeError: "),
    "too_large": failed("over DynamoDB's limit of 409,600 bytes"),
    "leaks": failed("RuntimeError: cannot log in with ***"),
    "never_defined_execute": failed("NotImplementedError"),
    "deferred": success(return_value={"wait": 0.2, "event": {"host": "db.example"}, "try": 1}),
    "trigger_timeout": failed("TaskDeferralTimeout: Trigger timeout"),
    "trigger_failure": failed("TaskDeferralError: Trigger failure (LookupError: no such thing)"),
    "trigger_ends": success(answer=42),
}


@pytest.fixture(scope="module")
def worked(workers: Workers) -> dict[str, Worked]:
    workers.start_run(
        conf='{"n": 7}',
        tasks={task_id: {"max_tries": number, **DELAYS.get(task_id, {})} for task_id, number in MAX_TRIES.items()},
    )
    workers.ledger.put_xcom(workers.dag_id, workers.run_id, "seeded", "return_value", 41)
    return workers.run_all({task_id: f"token-of-{task_id}" for task_id in (*CASES, *DELAYS)})


@pytest.mark.parametrize("task_id", CASES)
def test_reports_and_records_the_outcome(worked: dict[str, Worked], workers: Workers, task_id: str) -> None:
    case, ended = CASES[task_id], worked[task_id]
    assert ended.code == 0, ended.output
    assert ended.item["state"] == case.state, ended.output
    assert ended.item["try_number"] == 1
    [(operation, report)] = ended.reports
    if "cause" in case.report:
        assert (operation, report["error"]) == ("SendTaskFailure", case.report["error"])
        assert case.report["cause"] in report["cause"]
        assert ended.item["error"] == report["cause"]
    else:
        assert (operation, report) == ("SendTaskSuccess", {"output": case.report})
    for key, value in case.xcoms.items():
        found = workers.ledger.xcom(workers.dag_id, workers.run_id, task_id, key)
        expected = value.replace("the-run", workers.run_id) if isinstance(value, str) else value
        assert found is None if value is MISSING else found and found["value"] == expected


def test_ended_at_marks_what_has_ended_for_good(worked: dict[str, Worked]) -> None:
    assert worked["bash"].item["ended_at"] >= worked["bash"].item["started_at"]
    assert "outcome" not in worked["retried"].item


def test_callbacks_run(worked: dict[str, Worked], dags: Path) -> None:
    notes = (dags / "notes").read_text().splitlines()
    for line in ("callbacks execute 1", "callbacks success 1", "retried retry 1", "failed_for_good failure 1"):
        assert notes.count(line) == 1
    assert "retried failure 1" not in notes


def test_log_lines_appear_once_and_readable(worked: dict[str, Worked], workers: Workers) -> None:
    assert worked["bash"].stdout.count(f"] {workers.run_id} 7 default\n") == 1
    log = worked["retried"].stdout
    assert "ERROR    [task] {'no': 'text'}\n" in log
    assert "ERROR    [task] Task failed with exception\nTraceback (most recent call last):\n" in log
    assert '    raise ValueError("it broke")\nValueError: it broke\n' in log
    assert "error_detail" not in log and "::group::" not in log


def test_no_secret_in_log_or_ledger(worked: dict[str, Worked], workers: Workers) -> None:
    assert "s3cr3t-word" not in worked["leaks"].output
    assert "s3cr3t-word" not in str(worked["leaks"].item)
    stored = workers.ledger.get("variable#made", "variable")
    assert stored is not None and "plain text" not in str(stored)


def test_success_records_asset_events(worked: dict[str, Worked], workers: Workers) -> None:
    for pk in ("asset#name#orders", "asset#uri#s3://bucket/orders"):
        [event] = [
            event
            for event in workers.ledger.partition(pk, "event#")
            if event["source_run_id"] == workers.run_id and event["source_task_id"] == "produces"
        ]
        assert event["extra"] == '{"rows": 3}'


def test_rendered_fields_are_kept(worked: dict[str, Worked], workers: Workers) -> None:
    assert f"echo {workers.run_id} 7 default" in worked["bash"].item["rendered_fields"]


def waited(ended: Worked) -> float:
    """Seconds between the end of a try and the moment that its report names for the next."""
    [(operation, report)] = ended.reports
    assert (operation, report["output"]["state"]) == ("SendTaskSuccess", "up_for_retry")
    return (moment(report["output"]["until"]) - moment(ended.item["ended_at"])).total_seconds()


def key_of(ended: Worked) -> tuple[str, str]:
    return ended.item["pk"], ended.item["sk"]


def long_ago(ended: Worked, workers: Workers) -> None:
    workers.ledger.update(*key_of(ended), {"ended_at": "2026-03-01T00:00:00Z"})


def test_a_worker_says_when_the_next_try_is_due(worked: dict[str, Worked], workers: Workers) -> None:
    assert waited(worked["has_policy"]) == 90
    # Its process was killed: 7 seconds, and what Airflow makes of the names.
    assert 7 <= waited(worked["backs_off"]) < 14
    # The delay of the policy was of that try alone; its time has come.
    long_ago(worked["has_policy"], workers)
    assert waited(workers.run("has_policy", token="policy-2")) == 7


def test_the_try_after_a_worker_that_could_not_say_it_waits_itself(workers: Workers) -> None:
    item = workers.item("backs_off")
    ended = datetime.now(timezone.utc)
    workers.ledger.update(item["pk"], item["sk"], {"ended_at": timestamp(ended)})
    second = workers.run("backs_off", token="backs-off-2")
    assert second.item["state"] == "failed"
    assert (moment(second.item["started_at"]) - ended).total_seconds() >= 7


def test_no_try_beyond_the_last_begins(worked: dict[str, Worked], workers: Workers) -> None:
    """Each try that a worker asks for has attempts of its own, for containers that die."""
    long_ago(worked["dies_at_last"], workers)
    workers.ledger.update(*key_of(worked["dies_at_last"]), {"state": "running", "try_number": 2, "job_id": "another"})
    ended = workers.run("dies_at_last", token="beyond")
    assert (ended.item["state"], ended.item["try_number"]) == ("failed", 2)
    [(operation, report)] = ended.reports
    assert (operation, report["error"]) == ("SendTaskFailure", "Ductwork.Failed")


def test_a_retry_is_the_next_try_and_the_last_one_fails(worked: dict[str, Worked], workers: Workers) -> None:
    ended = workers.run("retried", token="second-try")
    assert (ended.item["state"], ended.item["try_number"]) == ("failed", 2)
    assert ended.reports == [("SendTaskFailure", {"error": "Ductwork.Failed", "cause": "ValueError: it broke"})]


def test_a_finished_task_is_not_run_again(worked: dict[str, Worked], workers: Workers, dags: Path) -> None:
    before = (dags / "notes").read_text()
    again = workers.run("callbacks", token="again")
    assert again.reports == [("SendTaskSuccess", {"output": {"state": "success"}})]
    failed_again = workers.run("failed_for_good", token="failed-again")
    [(_, report)] = failed_again.reports
    assert report == {"error": "Ductwork.Failed", "cause": "AirflowFailException: no use"}
    assert (dags / "notes").read_text() == before


def test_reschedule_gives_the_container_up(worked: dict[str, Worked], workers: Workers) -> None:
    first = workers.run("rescheduled", token="reschedule-1")
    [(operation, report)] = first.reports
    assert operation == "SendTaskSuccess"
    assert report == {"output": {"state": "up_for_reschedule", "until": first.item["until"]}}
    second = workers.run("rescheduled", token="reschedule-2")
    assert second.item["try_number"] == 1
    assert second.item["reschedule_count"] == 2
    assert second.item["first_started_at"] == first.item["first_started_at"]
    assert second.item["until"] > first.item["until"]


def test_a_sensor_that_has_had_its_share_of_the_history_keeps_its_container(workers: Workers) -> None:
    """What 1,000 times take: a machine's history has room for no more."""
    first = workers.run("third_time", token="third-1")
    assert (first.item["state"], first.item["reschedule_count"]) == ("up_for_reschedule", 1)
    key = run_pk(workers.dag_id, workers.run_id), task_sk("third_time", UNMAPPED)
    workers.ledger.update(*key, {"reschedule_count": 1000})
    second = workers.run("third_time", token="third-2")
    assert second.reports == [("SendTaskSuccess", {"output": {"state": "success"}})]
    assert (second.item["state"], second.item["reschedule_count"]) == ("success", 1001)


@pytest.mark.parametrize(("sensors", "map_index", "most"), [(0, -1, 1000), (1, -1, 1000), (4, -1, 250), (4, 7, 6)])
def test_sensors_share_what_the_history_has_room_for(sensors: int, map_index: int, most: int) -> None:
    facts = {f"s{number}": TaskFacts(reschedules=True) for number in range(sensors)}
    assert most_reschedules({**facts, "other": TaskFacts(native=True)}, map_index) == most
