"""A real Airflow (API server, scheduler, DAG processor, triggerer) beside the embedded AWS, for the whole session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ductwork_airflow.local.standalone import Standalone
from real_airflow import SETTINGS, Airflow, free_port

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "dags"
DELEGATED = {"AIRFLOW__DUCTWORK__DELEGATE_DAGS": "flaky_*, taskflow_*, batch_jobs"}


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.long)
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def airflow(tmp_path_factory):
    home = tmp_path_factory.mktemp("e2e")
    dags = home / "dags"
    shutil.copytree(HERE / "dags", dags, ignore=shutil.ignore_patterns("__pycache__", "kills.py"))
    for name in ("flaky_api", "taskflow_etl", "batch_jobs"):
        shutil.copy(EXAMPLES / f"{name}.py", dags)
    with Standalone(dags, home, free_port(), SETTINGS | DELEGATED) as running:
        yield Airflow(running, home)
