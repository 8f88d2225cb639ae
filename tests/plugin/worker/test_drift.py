"""A DAG file that is another one in the container than where it was compiled: said at once, in the task's error."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest
from ductwork_airflow.worker import EXIT_FAILED
from harness import MakeWorkers, Workers

# What is read when the file is imported, and is not the same everywhere.
DAG = """
import os

from airflow.sdk import DAG, task

if "DOWN" in os.environ:
    raise ConnectionError("no answer")
tables = os.environ["TABLES"].split()
with DAG(os.environ.get("NAME", "drift")):
    for table in tables:
        @task(task_id=f"load_{table}")
        def load(): ...
        load()
"""
TRIES = {"load_orders": 0, "load_users": 1}
RETRY, FAILED = "Ductwork.Retry", "Ductwork.Failed"


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory, make_workers: MakeWorkers) -> Workers:
    folder: Path = tmp_path_factory.mktemp("drift")
    (folder / "dag.py").write_text(DAG)
    found = make_workers(folder, "drift", f"run-{uuid.uuid4().hex[:6]}")
    found.start_run(tasks={task_id: {"max_tries": tries} for task_id, tries in TRIES.items()})
    return found


@pytest.mark.parametrize(
    ("task_id", "read", "error", "says"),
    [
        (
            "load_orders",
            {},
            FAILED,
            "the DAG file dag.py cannot be imported in the container: KeyError: 'TABLES' (line 8)",
        ),
        (
            "load_orders",
            {"TABLES": "items", "NAME": "other"},
            FAILED,
            "DAG drift is not in the container's DAG file any more (dag.py)",
        ),
        (
            "load_orders",
            {"TABLES": "items"},
            FAILED,
            "task load_orders is not in the container's DAG file any more (DAG drift)",
        ),
        # A further try of the same job has the same container.
        (
            "load_users",
            {"TABLES": "items"},
            FAILED,
            "task load_users is not in the container's DAG file any more (DAG drift)",
        ),
        (
            "load_users",
            {},
            FAILED,
            "the DAG file dag.py cannot be imported in the container: KeyError: 'TABLES' (line 8)",
        ),
        # What it asks may answer the next time.
        (
            "load_users",
            {"DOWN": "yes"},
            RETRY,
            "the DAG file dag.py cannot be imported in the container: ConnectionError: no answer (line 7)",
        ),
    ],
)
def test_the_task_fails_at_once_and_says_why(
    workers: Workers, task_id: str, read: dict[str, str], error: str, says: str
) -> None:
    workers.ledger.delete(*_key(workers, task_id))
    began = time.monotonic()
    ended = workers.run(task_id, token=(token := uuid.uuid4().hex), **read)
    assert time.monotonic() - began < 45, "Airflow's worker waits for a minute"
    assert ended.reports == [("SendTaskFailure", {"error": error, "cause": says})], ended.output
    assert (ended.item["state"], ended.item["error"]) == ("failed" if error == FAILED else "up_for_retry", says)
    assert workers.step_functions.of(token)


def test_a_container_that_is_updated_may_wait(workers: Workers) -> None:
    waiting = {"AIRFLOW__WORKERS__MISSING_DAG_RETRIES": "1", "TABLES": "items"}
    workers.ledger.delete(*_key(workers, "load_orders"))
    ended = workers.run("load_orders", token=uuid.uuid4().hex, **waiting)
    assert ended.item["state"] == "up_for_reschedule"


def test_a_chain_does_not_start_it_again(workers: Workers) -> None:
    """The exit code of a job that Batch does not retry."""
    workers.ledger.delete(*_key(workers, "load_users"))
    ended = workers.run("load_users", TABLES="items")
    assert (ended.code, ended.item["state"]) == (EXIT_FAILED, "failed")


def test_what_has_not_changed_runs(workers: Workers) -> None:
    workers.ledger.delete(*_key(workers, "load_orders"))
    assert workers.run("load_orders", TABLES="orders").item["state"] == "success"


def _key(workers: Workers, task_id: str) -> tuple[str, str]:
    from ductwork.contracts.ledger import run_pk, task_sk

    return run_pk(workers.dag_id, workers.run_id), task_sk(task_id)
