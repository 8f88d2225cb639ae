"""Workers that are stopped, killed or overtaken, and what a job chain learns from their exit codes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ductwork_airflow.worker import EXIT_FAILED, EXIT_OK, EXIT_RETRY, EXIT_SUPERSEDED
from forked_processes import Running
from harness import Workers, start_run

TASKS = {
    "stubborn": {"max_tries": 1},
    "retried": {"max_tries": 1},
    "patient": {"max_tries": 0},
    "left": {"upstream": ["branch"]},
    "callbacks": {"upstream": ["skipped"]},
    "bash": {"upstream": ["failed_for_good"]},
    "taskflow": {"upstream": ["counts"]},
}


@pytest.fixture(scope="module", autouse=True)
def run(workers: Workers) -> None:
    workers.start_run(conf='{"n": 7}', tasks=TASKS)


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def state_of(workers: Workers, task_id: str) -> str | None:
    item = workers.ledger.task(workers.dag_id, workers.run_id, task_id)
    return item.get("state") if item else None


def noted(dags: Path, line: str) -> bool:
    notes = dags / "notes"
    return notes.exists() and line in notes.read_text().splitlines()


def stop(process: Running) -> float:
    """The moment of the signal."""
    process.send_signal(signal.SIGTERM)
    return time.monotonic()


def test_sigterm_runs_on_kill_and_the_task_may_retry(workers: Workers, dags: Path) -> None:
    process = workers.start("stubborn", token="stubborn")
    wait_for(lambda: noted(dags, "stubborn started 1"))
    stop(process)
    ended = workers.finish(process, "stubborn", token="stubborn")
    assert ended.code == 0, ended.output
    assert noted(dags, "on_kill")
    assert ended.reports == [("SendTaskFailure", {"error": "Ductwork.Retry", "cause": "RuntimeError: on_kill has run"})]
    assert ended.item["state"] == "up_for_retry"


def test_a_task_that_ignores_sigterm_is_killed_in_time(workers: Workers, dags: Path) -> None:
    process = workers.start("sleeps", token="sleeps", DUCTWORK_KILL_GRACE="1")
    wait_for(lambda: noted(dags, "asleep"))
    at = stop(process)
    # In time: it would sleep for an hour, and is not waited for so long.
    ended = workers.finish(process, "sleeps", token="sleeps")
    assert time.monotonic() - at >= 1, "the grace was not given"
    [(_, report)] = ended.reports
    assert report == {
        "error": "Ductwork.Failed",
        "cause": "stopped by SIGTERM, and killed because it did not end in time",
    }
    assert ended.item["state"] == "failed"


def test_sigterm_ends_a_waiting_trigger(workers: Workers, dags: Path) -> None:
    process = workers.start("patient", token="patient")
    wait_for(lambda: noted(dags, "the trigger of patient waits"))
    assert state_of(workers, "patient") == "deferred"
    stop(process)
    ended = workers.finish(process, "patient", token="patient")
    [(_, report)] = ended.reports
    assert report == {"error": "Ductwork.Failed", "cause": "stopped by SIGTERM"}
    assert ended.item["state"] == "failed"


def test_a_dead_worker_costs_a_try(workers: Workers, dags: Path) -> None:
    process = workers.start("rescheduled_briefly", token="dead")
    wait_for(lambda: state_of(workers, "rescheduled_briefly") == "running")
    item = workers.ledger.task(workers.dag_id, workers.run_id, "rescheduled_briefly")
    assert item is not None
    process.send_signal(signal.SIGKILL)
    os.kill(item["pid"], signal.SIGKILL)
    process.wait()
    ended = workers.run_fresh("rescheduled_briefly", token="alive")
    assert ended.item["try_number"] == 2


def test_a_task_ended_by_others_stops_within_a_heartbeat(workers: Workers, dags: Path) -> None:
    process = workers.start("overtaken", token="overtaken", AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL="1")
    wait_for(lambda: noted(dags, "overtaken started 1"))
    assert workers.ledger.record_task(workers.dag_id, workers.run_id, "overtaken", "running", 2)
    ended = workers.finish(process, "overtaken", token="overtaken")
    assert ended.code == EXIT_SUPERSEDED, ended.output
    assert ended.reports == []
    assert ended.item["state"] == "running"


# ---- job chains ----


def test_exit_codes_tell_batch_the_outcome(workers: Workers) -> None:
    ended = workers.run_all(dict.fromkeys(("counts", "skipped", "retried", "failed_for_good", "branch")))
    codes = {task_id: worked.code for task_id, worked in ended.items()}
    assert codes == {
        "counts": EXIT_OK,
        "skipped": EXIT_OK,
        "retried": EXIT_RETRY,
        "failed_for_good": EXIT_FAILED,
        "branch": EXIT_OK,
    }
    gated = workers.run_all(dict.fromkeys(("callbacks", "bash", "left", "right", "retried", "rescheduled_briefly")))
    assert {task_id: (worked.code, worked.item["state"]) for task_id, worked in gated.items()} == {
        "callbacks": (EXIT_OK, "skipped"),
        "bash": (EXIT_FAILED, "upstream_failed"),
        "left": (EXIT_OK, "success"),
        "right": (EXIT_OK, "skipped"),
        "retried": (EXIT_FAILED, "failed"),
        "rescheduled_briefly": (EXIT_OK, "skipped"),
    }
    assert gated["callbacks"].item["try_number"] == 0


def test_an_array_job_runs_the_instance_of_its_index(workers: Workers) -> None:
    ended = workers.run("mapped", DUCTWORK_MAP_INDEX="array", AWS_BATCH_JOB_ARRAY_INDEX="2")
    assert ended.code == EXIT_OK, ended.output
    found = workers.ledger.xcom(workers.dag_id, workers.run_id, "mapped", "return_value", 2)
    assert found is not None and found["value"] == 9


def test_a_token_that_nobody_waits_for_is_no_error(workers: Workers) -> None:
    workers.step_functions.refuse["stale"] = "TaskTimedOut"
    ended = workers.run("counts", token="stale")
    assert ended.code == EXIT_OK
    assert "no longer waits for this task" in ended.stderr


def test_a_run_that_is_not_in_the_ledger_fails_the_task(workers: Workers) -> None:
    ended = workers.run("counts", token="no-run", DUCTWORK_RUN_ID="nowhere")
    [(_, report)] = ended.reports
    assert report["error"] == "Ductwork.Failed"
    assert report["cause"].startswith("run 'nowhere' of DAG 'worker_example' is not in table")


def test_a_run_without_a_dag_file_fails_the_task_for_good(workers: Workers) -> None:
    start_run(workers.ledger, workers.dag_id, "no-file", dag_file=None)
    ended = workers.run("counts", token="no-file", DUCTWORK_RUN_ID="no-file")
    [(_, report)] = ended.reports
    assert report["error"] == "Ductwork.Failed"
    assert "has no 'dag_file' in the ledger" in report["cause"]
    item = workers.ledger.task(workers.dag_id, "no-file", "counts")
    assert item is not None and (item["state"], item["error"]) == ("failed", report["cause"])
