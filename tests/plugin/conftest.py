"""Real servers for the plugin's tests: DynamoDB by moto over HTTP, and a recording Step Functions."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from ductwork_airflow.ledger import Ledger
from harness import CREDENTIALS, MakeWorkers, StepFunctions, Workers, airflow_environment, dynamodb
from moto.server import ThreadedMotoServer


@pytest.fixture(scope="session")
def dynamodb_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


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
