"""Real servers for the plugin's tests: DynamoDB by moto over HTTP, and a recording Step Functions."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local.aws import EmbeddedAws
from ductwork_airflow.local.workers import WorkerPool
from harness import CREDENTIALS, MakeWorkers, StepFunctions, Workers, airflow_environment, dynamodb
from remote_runs import Remote

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def dynamodb_endpoint() -> Iterator[str]:
    """moto in a process of its own: in this one, the embedded AWS's tests reset all of moto's state."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not _answers(port):
        assert process.poll() is None, "moto's server ended"
        assert time.monotonic() < deadline, "moto's server does not answer"
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.kill()  # it keeps nothing, and a busy machine lets it take long to end in order
    process.wait(timeout=60)


@pytest.fixture(scope="session")
def dynalite_endpoint() -> Iterator[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on the PATH for dynalite: install nodejs and npm, as .ci/run does, and run `npm ci`")
    folder = Path(os.environ.get("DUCTWORK_DYNALITE", ROOT / "node_modules" / "dynalite"))
    assert (folder / "cli.js").exists(), f"no dynalite in {folder}: run `npm ci`, or set DUCTWORK_DYNALITE"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [node, str(folder / "cli.js"), "--port", str(port), "--createTableMs", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not _answers(port):
            assert time.monotonic() < deadline, "dynalite did not start"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def ledger(dynamodb_endpoint: str) -> Ledger:
    """One table for the whole session; tests keep apart by their DAG ids and run ids."""
    made = Ledger(f"ledger-{uuid.uuid4().hex[:8]}", dynamodb(dynamodb_endpoint))
    made.create_table()
    return made


@pytest.fixture
def run_id() -> str:
    return f"manual__{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def step_functions() -> Iterator[StepFunctions]:
    server = StepFunctions()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="session")
def make_workers(
    airflow_home: Path, ledger: Ledger, dynamodb_endpoint: str, step_functions: StepFunctions
) -> MakeWorkers:
    """Workers of a DAG in ``dags / "dag.py"``; ``variables`` are further environment variables."""

    def make(dags: Path, dag_id: str, run_id: str, **variables: str) -> Workers:
        environment = {
            **airflow_environment(airflow_home, dags),
            **CREDENTIALS,
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_endpoint,
            "AWS_ENDPOINT_URL_SFN": step_functions.url,
            **variables,
        }
        return Workers(ledger, step_functions, environment, dag_id, run_id)

    return make


@pytest.fixture(scope="session")
def pool() -> Iterator[WorkerPool]:
    """Jobs are plain commands."""
    with WorkerPool(preload=False) as pool:
        yield pool


@pytest.fixture(scope="module")
def remote(pool: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """One embedded AWS for the tests of a module."""
    folder = tmp_path_factory.mktemp("remote")
    with EmbeddedAws(pool=pool, jobs=4, log_dir=folder / "logs") as aws:
        yield Remote(aws, folder)
