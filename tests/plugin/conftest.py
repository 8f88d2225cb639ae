"""Real servers for the plugin's tests: DynamoDB by moto over HTTP, and a recording Step Functions."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
from ductwork_airflow.embedded_aws.services import EmbeddedAws
from ductwork_airflow.ledger import Ledger
from dynalite import answers, serving
from harness import CREDENTIALS, MakeWorkers, StepFunctions, Workers, airflow_environment, dynamodb
from jsonata_reference import judged
from node import NO_NODE, NODE
from remote_runs import Remote

MOTO_SERVER = str(Path(__file__).parents[1] / "support" / "moto_server.py")


@pytest.fixture(scope="session")
def dynamodb_endpoint() -> Iterator[str]:
    """moto in a process of its own: in this one, the embedded AWS's tests reset all of moto's state."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, MOTO_SERVER, "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not answers(port):
        assert process.poll() is None, "moto's server ended"
        assert time.monotonic() < deadline, "moto's server does not answer"
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.kill()  # it keeps nothing, and a busy machine lets it take long to end in order
    process.wait(timeout=60)


@pytest.fixture(scope="session")
def dynalite_endpoint() -> Iterator[str]:
    if NODE is None:
        pytest.skip(NO_NODE)
    with serving() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def ledger(dynamodb_endpoint: str) -> Ledger:
    """A table for each module, as moto sorts the whole table for each query; its tests keep apart by their ids."""
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


@pytest.fixture(scope="module")
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
    """One embedded AWS for the tests of a module; the reference JSONata judges what its machines evaluate."""
    folder = tmp_path_factory.mktemp("remote")
    with judged(), EmbeddedAws(pool=pool, jobs=4, log_dir=folder / "logs") as aws:
        yield Remote(aws, folder)
