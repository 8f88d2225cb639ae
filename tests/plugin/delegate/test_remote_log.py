"""The log of a task on AWS in Airflow's own: why it failed first, lines with their levels and times, every try."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
import structlog
from ductwork.contracts.names import run_hash
from ductwork_airflow.delegate import outcomes, remote_log
from ductwork_airflow.delegate.remote_run import RemoteRun
from remote_runs import QUEUE, TABLE, Remote

TIME = "2026-01-01T00:00:01.500Z"


def test_a_line_keeps_its_level_and_time_and_a_traceback_those_of_its_line() -> None:
    events = [
        {"timestamp": 0, "message": f"{TIME} ERROR    [task] Task failed with exception"},
        {"timestamp": 1500, "message": "Traceback (most recent call last):"},
        {"timestamp": 1500, "message": "ValueError: broken"},
        {"timestamp": 2000, "message": "2026-01-01T00:00:02.000Z INFO     [task.stdout] a print"},
    ]
    assert [(line.time, line.level, line.text) for line in remote_log.lines(events)] == [
        (TIME, logging.ERROR, "[task] Task failed with exception"),
        (TIME, logging.ERROR, "Traceback (most recent call last):"),
        (TIME, logging.ERROR, "ValueError: broken"),
        ("2026-01-01T00:00:02.000Z", logging.INFO, "[task.stdout] a print"),
    ]


def test_a_container_of_no_worker_has_the_times_of_cloudwatch() -> None:
    events = [{"timestamp": 1500, "message": "one"}, {"timestamp": 2000, "message": "two"}]
    found = [(line.time, line.level, line.text) for line in remote_log.lines(events)]
    one, two = "1970-01-01T00:00:01.500Z", "1970-01-01T00:00:02.000Z"
    assert found == [(one, logging.INFO, "one"), (two, logging.INFO, "two")]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            {
                "state": "failed",
                "try_number": 2,
                "started_at": "2026-01-01T00:00:01.000Z",
                "ended_at": "2026-01-01T00:00:03.500Z",
                "job_id": "j",
            },
            "on AWS: failed after try 2; from 2026-01-01T00:00:01.000Z to 2026-01-01T00:00:03.500Z, 2.5 s; job j",
        ),
        ({"state": "skipped", "ended_at": TIME}, f"on AWS: skipped, without a try; at {TIME}"),
    ],
)
def test_the_first_line_says_when_and_how(item: Any, said: str) -> None:
    assert remote_log.summary(item) == said


class TaskInstance:
    def xcom_push(self, key: str, value: object) -> None: ...


@pytest.fixture
def tries(remote: Remote) -> tuple[RemoteRun, Any]:
    """A task whose two tries were jobs of one name, and the run as a mirror task reaches it."""
    jobs = []
    for word in ("first", "second"):
        command = ["sh", "-c", f"echo {word}; echo {TIME} WARNING '[task]' {word} warns"]
        made = remote.batch.submit_job(
            jobName=f"tries-{run_hash('d', 'r')}",
            jobQueue=QUEUE,
            jobDefinition="remote-definition",
            containerOverrides={"command": command},
        )
        jobs.append(made["jobId"])
        deadline = time.monotonic() + 30
        while remote.batch.describe_jobs(jobs=jobs)["jobs"][-1]["status"] != "SUCCEEDED":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    connection: Any = {"aws_conn_id": None, "region_name": "us-east-1"}
    item = {
        "state": "failed",
        "try_number": 2,
        "job_id": jobs[-1],
        "error": "ValueError: the author's",
        "ended_at": TIME,
    }
    return RemoteRun("d", "r", "stepfunctions", TABLE, connection), item


def shown(run: RemoteRun, item: Any, read: dict[str, str]) -> list[tuple[str, str, str]]:
    with structlog.testing.capture_logs() as logs:
        outcomes.show_log(TaskInstance(), logging.getLogger(), run, item, 1000, read)  # type: ignore[arg-type]
    return [(each["log_level"], each["event"], each.get("timestamp", "")) for each in logs]


def test_a_failure_is_shown_with_the_logs_of_all_tries(
    remote: Remote, tries: tuple[RemoteRun, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DUCTWORK__ENDPOINT_URL", remote.aws.endpoint_url)
    run, item = tries
    summary, error, *lines = shown(run, item, {})
    assert summary[:2] == ("info", remote_log.summary(item))
    assert error == ("error", "ValueError: the author's", TIME)
    assert [line[:2] for line in lines] == [
        ("info", "first"),
        ("warning", "[task] first warns"),
        ("info", "second"),
        ("warning", "[task] second warns"),
    ]
    assert {line[2] for line in lines if line[0] == "warning"} == {TIME}
    # What the trigger has shown while the task ran is not shown again.
    follower = remote_log.Follower(run)
    assert [line.text for line in follower.news(item, 1000)] == ["second", "[task] second warns"]
    assert follower.news(item, 1000) == []
    assert [line[1] for line in shown(run, item, follower.read)[2:]] == ["first", "[task] first warns"]
    assert len(shown(run, {**item, "state": "success"}, follower.read)) == 2
