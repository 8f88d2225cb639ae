"""One embedded AWS for the tests of a module; jobs are plain commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ductwork_airflow.local.aws import EmbeddedAws
from ductwork_airflow.local.workers import WorkerPool
from remote_runs import Remote


@pytest.fixture(scope="session")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(preload=False) as pool:
        yield pool


@pytest.fixture(scope="module")
def remote(pool: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    folder: Path = tmp_path_factory.mktemp("remote")
    with EmbeddedAws(pool=pool, jobs=4, log_dir=folder / "logs") as aws:
        yield Remote(aws, folder)
