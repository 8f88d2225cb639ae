"""A home of Airflow whose metadata database is migrated once for all processes of a test session."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

CONFIGURATION, DATABASE = "airflow.cfg", "airflow.db"


def migrate(environment: Mapping[str, str], temporary: pytest.TempPathFactory) -> None:
    """Put what ``airflow db migrate`` leaves into the ``AIRFLOW_HOME`` of an environment whose database is SQLite's there.

    That is the database and the configuration, which has the Fernet key: without one no task can set a Variable.
    """
    shared = temporary.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # that of all workers
    home = shared / "migrated-airflow"
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "done").exists():
            command = [sys.executable, "-m", "airflow", "db", "migrate"]
            subprocess.run(command, env={**environment, "AIRFLOW_HOME": str(home)}, check=True, capture_output=True)
            (home / "done").touch()
    own = Path(environment["AIRFLOW_HOME"])
    shutil.copy(home / DATABASE, own)
    (own / CONFIGURATION).write_text((home / CONFIGURATION).read_text().replace(str(home), str(own)))
