"""What an export promises: a chain of plain jobs needs nothing of ours to run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ductwork_airflow.embedded_aws.services import EmbeddedAws
from forked_processes import ForkedProcesses
from remote_runs import QUEUE, Remote

SCRIPT = Path(__file__).parents[3] / "docs" / "replay_chain.py"

JOBS = """
from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
def job(task_id):
    overrides = {"command": ["sh", "-c", f"echo {task_id} >> $LOG"], "environment": [{"name": "LOG", "value": "LOGFILE"}]}
    return BatchOperator(task_id=task_id, job_name=task_id, job_queue="remote-queue",
                         job_definition="remote-definition", container_overrides=overrides)
with DAG("replayed"):
    job("a") >> [job("b"), job("c")] >> EmptyOperator(task_id="e") >> job("d")
"""
CONTAINERS = """
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG
def container(task_id):
    return DockerOperator(task_id=task_id, image="debian:12", environment={"LOG": "LOGFILE", "DAY": "{{ ds }}"},
                          command=["sh", "-c", f"echo {task_id} $DAY >> $LOG"])
with DAG("replayed"):
    container("a") >> container("b") >> container("c")
"""


def replay(remote: Remote, folder: Path, source: str, *values: str) -> list[str]:
    """Export a DAG, submit the files by the script in a process of its own, and give what its jobs have written."""
    log, dag_file = folder / "log", folder / "replayed.py"
    dag_file.write_text(source.replace("LOGFILE", str(log)))
    compiled = ForkedProcesses.shared().command(
        ["compile", dag_file, "--target", "batch", "-o", folder / "build"], os.environ
    )
    assert compiled.code == 0, compiled.err
    chain = folder / "build" / "replayed.batch.json"
    ids = json.loads(run(folder, str(SCRIPT), str(chain), *values, environment=reach(remote.aws)))
    assert list(ids) == [job["name"] for job in json.loads(chain.read_text())["jobs"]]
    ended(remote, list(ids.values()))
    return log.read_text().splitlines()


def reach(aws: EmbeddedAws) -> Mapping[str, str]:
    assert aws.aws.credentials is not None
    key_id, secret = aws.aws.credentials
    return {
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
    }


def run(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    made = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


def ended(remote: Remote, ids: list[str]) -> list[Any]:
    deadline = time.monotonic() + 60
    while True:
        jobs = remote.batch.describe_jobs(jobs=ids)["jobs"]
        if all(job["status"] in {"SUCCEEDED", "FAILED"} for job in jobs):
            assert {job["status"] for job in jobs} == {"SUCCEEDED"}
            return jobs
        assert time.monotonic() < deadline, jobs
        time.sleep(0.1)


def test_the_script_is_as_short_as_promised_and_knows_boto3_alone() -> None:
    lines = SCRIPT.read_text().split('"""')[2].strip().splitlines()
    assert len(lines) <= 20
    assert [line for line in lines if "import" in line and "ductwork" in line] == []


def test_a_chain_of_batch_operators(remote: Remote, tmp_path: Path) -> None:
    lines = replay(remote, tmp_path, JOBS)
    assert (lines[0], sorted(lines[1:3]), lines[3]) == ("a", ["b", "c"], "d")


def test_a_chain_of_containers(remote: Remote, tmp_path: Path) -> None:
    places = ("run:run_hash=42", "run:ds=2026-03-04", f"JobQueue={QUEUE}")
    assert replay(remote, tmp_path, CONTAINERS, *places) == [f"{name} 2026-03-04" for name in "abc"]
