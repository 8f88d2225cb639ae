"""A worker of a run that several machines carry: what the run says of its task is in the ledger's manifest."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from ductwork.contracts.machine_bundle import TaskManifest, manifest_id
from ductwork.contracts.task_facts import Facts
from harness import MakeWorkers, Workers

DAG = """
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("carried"):
    BashOperator(task_id="tries", bash_command="exit 1", retries=1)
"""
FACTS: Facts = {"tries": {"max_tries": 1}}


@pytest.fixture
def workers(tmp_path: Path, make_workers: MakeWorkers) -> Workers:
    (tmp_path / "dag.py").write_text(DAG)
    found = make_workers(tmp_path, "carried", f"run-{uuid.uuid4().hex[:6]}")
    found.ledger.start_run(
        found.dag_id,
        found.run_id,
        run_type="manual",
        conf="{}",
        dag_file="dag.py",
        manifest=manifest_id(FACTS),
        **dict.fromkeys(
            ("logical_date", "data_interval_start", "data_interval_end", "run_after"), "2026-03-01T00:00:00Z"
        ),
    )
    return found


def test_a_worker_finds_its_task_in_the_manifest(workers: Workers) -> None:
    """There it is said to be tried again."""
    missing = workers.run("tries", token="first")
    ((_, report),) = missing.reports
    assert report["error"] == "Ductwork.Failed"
    assert f"the manifest {manifest_id(FACTS)} of DAG 'carried'" in report["cause"]
    assert missing.item == {}
    manifest: TaskManifest = {"id": manifest_id(FACTS), "tasks": FACTS}
    workers.ledger.put_manifest("carried", manifest, lasting=False)
    ended = workers.run("tries", token="second")
    assert ended.item["state"] == "up_for_retry", ended.output
    ((_, report),) = ended.reports
    assert report["error"] == "Ductwork.Retry"
