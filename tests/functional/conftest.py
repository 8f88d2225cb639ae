"""Calling the command as a user does, in a process of its own with an AIRFLOW_HOME of its own."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).parent / "ductwork"


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Shell:
    def __init__(self, home):
        self.home = home
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
        self.environment = kept | {
            "AIRFLOW_HOME": str(home),
            # Nobody may use these: the tests would notice calls that leave the machine.
            "AWS_PROFILE": "the-users-own",
            "AWS_ACCESS_KEY_ID": "AKIAUSERSOWNKEY",
            "AWS_SECRET_ACCESS_KEY": "users-own-secret",
        }

    def __call__(self, *arguments, timeout=120, **environment):
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment | environment,
            check=False,
        )
        # What `logs` prints on stdout is the tasks' own.
        printed = done.stderr if "logs" in arguments[:1] else done.stderr + done.stdout
        assert "Traceback (most recent call last)" not in printed
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments):
        return subprocess.Popen(
            [COMMAND, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
            # A suite started in the background hands down an ignored SIGINT; a terminal does not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )


@pytest.fixture
def ductwork(tmp_path):
    return Shell(tmp_path / "airflow")


@pytest.fixture(scope="session")
def shared_ductwork(tmp_path_factory):
    """One home for the tests that only read, or that want to see earlier runs."""
    return Shell(tmp_path_factory.mktemp("home"))
