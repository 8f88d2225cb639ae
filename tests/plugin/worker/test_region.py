"""Which Region a worker calls, and what it says where it finds none."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from ductwork_airflow.worker.environment import WorkerEnvironment
from harness import CREDENTIALS, MakeWorkers, Workers

NAMED = {
    "DUCTWORK_DAG_ID": "d",
    "DUCTWORK_RUN_ID": "r",
    "DUCTWORK_TASK_ID": "t",
    "DUCTWORK_LEDGER_TABLE": "ledger",
}


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({}, None),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, None),  # boto3 finds it by itself
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, None),
        ({"AWS_REGION": "eu-west-1", "DUCTWORK_REGION": "eu-west-3"}, "eu-west-3"),
        ({"AWS_DEFAULT_REGION": "eu-west-1", "DUCTWORK_REGION": "eu-west-3"}, "eu-west-3"),
    ],
)
def test_which_region(environ: dict[str, str], region: str | None) -> None:
    assert WorkerEnvironment.parse(NAMED | environ).region == region


@pytest.fixture(scope="module")
def regionless(dags: Path, make_workers: MakeWorkers) -> Workers:
    """Workers that have from Batch what Batch gives: no Region, no profile."""
    made = make_workers(dags, "worker_example", f"run-{uuid.uuid4().hex[:6]}")
    made.start_run()
    environment = {name: value for name, value in made.environment.items() if name != "AWS_DEFAULT_REGION"}
    return replace(made, environment=environment)


@pytest.mark.parametrize("name", ["DUCTWORK_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_worker_takes_it_from(name: str, regionless: Workers) -> None:
    done = regionless.run("no_such_task", **{name: CREDENTIALS["AWS_DEFAULT_REGION"]})
    assert done.item["state"] == "failed", done.output  # it has reached the ledger


def test_without_one_it_says_so_in_a_line(regionless: Workers) -> None:
    done = regionless.run("no_such_task")
    assert done.code == 2
    assert done.stderr.startswith("ductwork worker: no AWS Region is known")
    assert len(done.output.strip().splitlines()) == 1
