"""Calling the command as a user does, with an AIRFLOW_HOME of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from forked_processes import ForkedProcesses

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
    """
    :ivar imports: modules that commands shall find imported, as they do Airflow
    """

    def __init__(self, home):
        self.home, self.imports = home, ()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
        self.environment = kept | {
            "AIRFLOW_HOME": str(home),
            # Nobody may use these: the tests would notice calls that leave the machine.
            "AWS_PROFILE": "the-users-own",
            "AWS_ACCESS_KEY_ID": "AKIAUSERSOWNKEY",
            "AWS_SECRET_ACCESS_KEY": "users-own-secret",
        }

    def __call__(self, *arguments, fresh=False, **environment):
        """The command in a process that is forked from one that has imported Airflow, see :mod:`forked_processes`.

        :param fresh: in a process that imports it itself, as always with variables that the import may read
        """
        arguments = [str(argument) for argument in arguments]
        read_by_import = [name for name in environment if name.startswith(("AIRFLOW__", "PYTHON"))]
        fresh = fresh or not all(name.startswith("AIRFLOW__DUCTWORK__") for name in read_by_import)
        run = self._run if fresh else self._fork
        code, out, err = run(arguments, self.environment | environment)
        # What `logs` prints on stdout is the tasks' own.
        printed = err if "logs" in arguments[:1] else err + out
        assert "Traceback (most recent call last)" not in printed
        return Result(code, out, err)

    def _run(self, arguments, environment):
        done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, env=environment, check=False)
        return done.returncode, done.stdout, done.stderr

    def _fork(self, arguments, environment):
        return ForkedProcesses.shared().command(arguments, environment, self.imports)

    def start(self, *arguments):
        """The command, while it goes on, as the leader of a session."""
        return ForkedProcesses.shared().start("command", arguments, self.environment)

    def module(self, *arguments):
        """``python -m ARGUMENTS``, while it goes on."""
        return ForkedProcesses.shared().module(arguments, self.environment)

    def script(self, file, *arguments, **environment):
        """What ``python FILE ARGUMENTS`` prints as JSON."""
        ended = ForkedProcesses.shared().script([file, *arguments], self.environment | environment)
        assert ended.code == 0, ended.err[-3000:]
        return json.loads(ended.out)


@pytest.fixture(scope="session")
def make_shell():
    """``make_shell(home)``"""
    return Shell


@pytest.fixture
def ductwork(make_shell, tmp_path):
    return make_shell(tmp_path / "airflow")


@pytest.fixture(scope="session")
def shared_ductwork(make_shell, tmp_path_factory):
    """One home for the tests that only read, or that want to see earlier runs."""
    return make_shell(tmp_path_factory.mktemp("home"))
