"""Callbacks and e-mails of tasks whose container died, and of runs."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
from ductwork.contracts import ledger as schema
from ductwork.contracts.task_item import CALLBACKS_DUE
from ductwork_airflow.worker import EXIT_OK
from ductwork_airflow.worker.report_outcome import EXIT_UNREPORTED
from harness import MakeWorkers, Workers, start_run

TASKS = {"retried": {"max_tries": 1}, "plain": {"max_tries": 1}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("dags")
    shutil.copy(Path(__file__).parent / "callback_dags.py", made / "dag.py")
    (made / "mailing.py").write_text("from dag import mail\n")
    return made


@pytest.fixture
def workers(folder: Path, make_workers: MakeWorkers) -> Workers:
    """A run of its own for each test, and no notes of earlier ones."""
    made = make_workers(folder, "callbacks", f"run-{uuid.uuid4().hex[:6]}")
    made.environment = {
        **made.environment,
        "PYTHONPATH": f"{folder}:{made.environment.get('PYTHONPATH', '')}",
        "AIRFLOW_CONN_WAREHOUSE": "postgres://user:s3cr3t-word@db.example/main",
        "AIRFLOW_VAR_COLOUR": "green",
        "AIRFLOW__EMAIL__EMAIL_BACKEND": "mailing.mail",
    }
    (folder / "notes").unlink(missing_ok=True)
    made.start_run(conf='{"name": "given"}', tasks=TASKS)
    return made


def notes(folder: Path) -> list[dict[str, Any]]:
    file = folder / "notes"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def leave(workers: Workers, task_id: str, state: str, number: int = 1, **more: Any) -> None:
    """What a worker has left in the ledger."""
    more = {"job_id": "dead-job", "job_attempt": 1, "hostname": "dead-host", "pid": 4711, **more}
    assert workers.ledger.record_task(workers.dag_id, workers.run_id, task_id, state, number, **more)


def call(workers: Workers, task_id: str, kind: str = "task", **variables: str) -> Any:
    return workers.run(task_id, DUCTWORK_CALLBACK=kind, **variables)


# ---- before a retry ----


@pytest.mark.parametrize("state", ["running", "deferred"])
def test_the_next_worker_runs_what_the_dead_one_could_not(workers: Workers, folder: Path, state: str) -> None:
    leave(workers, "retried", state)
    ended = workers.run("retried", token=f"again-{workers.run_id}")
    called, mailed, ran = notes(folder)
    assert called == {"name": "retry", "task": "retried", "number": 1, "run": workers.run_id, "ds": "2026-03-01"}
    assert mailed["mail"] == "ops@example.com"
    assert "the container of try 1 ended without reporting a state (Batch job dead-job)" in mailed["text"]
    assert "Try 1 out of 2" in mailed["text"]
    assert ran == {"ran": "retried", "number": 2}
    assert (ended.item["state"], ended.item["try_number"]) == ("success", 2), ended.output
    assert CALLBACKS_DUE not in ended.item
    assert ended.reports == [("SendTaskSuccess", {"output": {"state": "success"}})]


def test_a_worker_that_died_while_it_ran_them_has_them_run_again(workers: Workers, folder: Path) -> None:
    leave(workers, "retried", "up_for_retry", **{CALLBACKS_DUE: "retry"})
    workers.run("retried", token="due")
    assert [note.get("name") or note.get("ran") for note in notes(folder)] == ["retry", None, "retried"]


@pytest.mark.parametrize("state", ["up_for_retry", "up_for_reschedule", "queued"])
def test_a_worker_that_said_how_it_ended_has_run_its_own(workers: Workers, folder: Path, state: str) -> None:
    leave(workers, "retried", state)
    workers.run("retried", token="told")
    assert [note.get("ran") for note in notes(folder)] == ["retried"]


def test_a_task_without_callbacks_is_just_tried_again(workers: Workers, folder: Path) -> None:
    leave(workers, "plain", "running")
    ended = workers.run("plain", token="plain")
    assert notes(folder) == [{"ran": "plain", "number": 2}]
    assert CALLBACKS_DUE not in ended.item


# ---- a task's last container ----


def test_the_last_containers_death_fails_the_task_once(workers: Workers, folder: Path) -> None:
    leave(workers, "lost", "running", 2)
    ended = call(workers, "lost")
    assert (ended.code, ended.item["state"], ended.item["try_number"]) == (EXIT_OK, "failed", 2), ended.output
    assert (ended.item["outcome"], CALLBACKS_DUE in ended.item) == ("failed", False)
    # The first callback raises, and the second one runs all the same.
    assert "the callback broke" in ended.output
    raising, failure, mailed = notes(folder)
    assert (raising, failure["name"], failure["number"]) == ({"raising": "lost"}, "failure", 2)
    assert mailed["mail"] == "ops@example.com"
    again = call(workers, "lost")
    assert (again.code, again.item, len(notes(folder))) == (EXIT_OK, ended.item, 3)


@pytest.mark.parametrize(("state", "number", "tried"), [("queued", 1, 1), ("up_for_retry", 1, 2), ("deferred", 3, 3)])
def test_which_try_has_died(workers: Workers, folder: Path, state: str, number: int, tried: int) -> None:
    leave(workers, "unmailed", state, number)
    assert call(workers, "unmailed").item["try_number"] == tried
    assert [(note["name"], note["number"]) for note in notes(folder)] == [("failure", tried)]


def test_a_container_that_never_said_a_word_was_the_first_try(workers: Workers, folder: Path) -> None:
    ended = call(workers, "unmailed")
    assert (ended.code, ended.item["state"], ended.item["try_number"]) == (EXIT_OK, "failed", 1), ended.output
    assert [note["name"] for note in notes(folder)] == ["failure"]


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "upstream_failed"])
def test_an_outcome_that_a_worker_recorded_stands(workers: Workers, folder: Path, state: str) -> None:
    leave(workers, "lost", state)
    ended = call(workers, "lost")
    assert (ended.code, ended.item["state"], notes(folder)) == (EXIT_OK, state, [])


def test_callbacks_ask_airflow_as_tasks_do(workers: Workers, folder: Path) -> None:
    workers.ledger.put_xcom(workers.dag_id, workers.run_id, "seeded", "return_value", 41)
    leave(workers, "looking", "running")
    ended = call(workers, "looking")
    assert notes(folder) == [
        {
            "host": "db.example",
            "colour": "green",
            "seed": 41,
            "conf": {"name": "given"},
            "name": "given",
            "max_tries": 0,
            "state": "running",
        }
    ], ended.output
    left = workers.ledger.xcom(workers.dag_id, workers.run_id, "looking", "left")
    assert left is not None and left["value"] == "by the callback"


def test_a_killed_callback_is_run_again(workers: Workers, folder: Path) -> None:
    leave(workers, "dying", "running")
    killed = call(workers, "dying")
    assert (killed.code, killed.item["state"], killed.item[CALLBACKS_DUE]) == (EXIT_UNREPORTED, "failed", "failure")
    assert notes(folder) == []
    again = call(workers, "dying")
    assert (again.code, CALLBACKS_DUE in again.item) == (EXIT_OK, False), again.output
    assert [note["name"] for note in notes(folder)] == ["at last"]


def test_callbacks_of_a_task_that_is_gone_are_lost_in_the_log(workers: Workers) -> None:
    leave(workers, "removed_since", "running")
    ended = call(workers, "removed_since")
    assert (ended.code, ended.item["state"], CALLBACKS_DUE in ended.item) == (EXIT_OK, "failed", False)
    assert "the task is not in the file" in ended.output


# ---- of a run ----


def finish(workers: Workers, state: str, **more: Any) -> None:
    key = (schema.run_pk(workers.dag_id, workers.run_id), schema.RUN_SK)
    assert workers.ledger.update(*key, {"state": state, "ended_at": "2026-03-01T04:00:00.000Z", **more})


def test_a_failed_runs_callbacks(workers: Workers, folder: Path) -> None:
    leave(workers, "plain", "failed", ended_at="2026-03-01T01:00:00.000Z")
    leave(workers, "lost", "failed", ended_at="2026-03-01T02:00:00.000Z")
    leave(workers, "looking", "success", ended_at="2026-03-01T03:00:00.000Z")
    finish(workers, "failed")
    ended = call(workers, "", "run")
    assert ended.code == EXIT_OK, ended.output
    raising, failure = notes(folder)
    assert raising == {"raising": "lost"}
    assert failure == {
        "name": "failure",
        "reason": "task_failure",
        "run": workers.run_id,
        "dag": "callbacks",
        "task": "lost",
        "state": "failed",
    }


def test_a_successful_runs_callbacks(workers: Workers, folder: Path) -> None:
    leave(workers, "plain", "success")
    leave(workers, "lost", "skipped")
    finish(workers, "success")
    assert call(workers, "", "run").code == EXIT_OK
    assert [(note["name"], note["reason"], note["task"]) for note in notes(folder)] == [("success", "success", "plain")]


def test_a_run_that_ended_for_another_reason_and_without_a_task(workers: Workers, folder: Path) -> None:
    finish(workers, "success", reason="timed_out")
    assert call(workers, "", "run").code == EXIT_OK
    [note] = notes(folder)
    assert (note["name"], note["reason"], note["task"], note["run"]) == ("success", "timed_out", None, workers.run_id)


def test_a_run_that_goes_on_has_no_callbacks_yet(workers: Workers, folder: Path) -> None:
    ended = call(workers, "", "run")
    assert (ended.code, notes(folder)) == (EXIT_OK, [])
    assert "has not ended" in ended.output


def test_a_dag_without_callbacks(workers: Workers, folder: Path) -> None:
    start_run(workers.ledger, "silent", workers.run_id, state="failed")
    ended = call(workers, "", "run", DUCTWORK_DAG_ID="silent")
    assert (ended.code, notes(folder)) == (EXIT_OK, []), ended.output
    assert "callback" not in ended.output


def test_callbacks_of_a_run_that_is_nowhere(workers: Workers) -> None:
    ended = call(workers, "", "run", DUCTWORK_RUN_ID="nowhere")
    assert ended.code == EXIT_UNREPORTED
    assert "run 'nowhere' of DAG 'callbacks' is not in table" in ended.output


# ---- a conf that nobody has checked ----


def test_a_conf_that_does_not_fit_fails_the_task_as_airflow_does(workers: Workers, folder: Path) -> None:
    run_id = f"{workers.run_id}-unfit"
    start_run(workers.ledger, workers.dag_id, run_id, conf='{"name": 5}')
    workers.run("plain", token=run_id, DUCTWORK_RUN_ID=run_id)
    [(operation, report)] = workers.step_functions.of(run_id)
    assert (operation, report["error"]) == ("SendTaskFailure", "Ductwork.Failed")
    assert report["cause"].startswith("ParamValidationError: Invalid input for param name: 5 is not of type 'string'")
    assert notes(folder) == []
