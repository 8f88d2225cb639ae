"""The example DAG, in a folder of its own."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from harness import MakeWorkers, Workers

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dags")
    shutil.copy(HERE / "example_dag.py", folder / "dag.py")
    shutil.copy(HERE / "example_triggers.py", folder)
    return folder


@pytest.fixture(scope="module")
def workers(dags: Path, make_workers: MakeWorkers) -> Workers:
    """Workers of the example DAG; the test module starts the run."""
    return make_workers(
        dags,
        "worker_example",
        f"run-{uuid.uuid4().hex[:6]}",
        AIRFLOW_CONN_WAREHOUSE="postgres://user:s3cr3t-word@db.example/main",
        AIRFLOW_VAR_COLOUR="green",
        AIRFLOW__CORE__FERNET_KEY=Fernet.generate_key().decode(),
    )
