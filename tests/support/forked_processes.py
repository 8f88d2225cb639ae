"""Workers, commands and scripts forked from a process that has imported Airflow, as the local engine forks its workers.

Airflow's import, seconds of CPU, is then paid for once and not by every process of the suite. What Airflow computes
from its configuration while it is imported (``settings``, the XCom backend) is that of an ``AIRFLOW_HOME`` with nothing
in it; what it asks its configuration later is their own home's, and scripts that run DAGs in Airflow itself get what
their home's says of all, see :mod:`forking_parent`.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_PARENT = Path(__file__).with_name("forking_parent.py")


class Ended(NamedTuple):
    code: int
    out: str
    err: str


class Running:
    """A forked process whose end nobody has waited for yet.

    :param begin: has a process forked whose number, and then its exit code, are written into the FIFO
    """

    def __init__(self, begin: Callable[[Mapping[str, str]], None]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        paths = {name: str(Path(self._folder.name, name)) for name in ("out", "err", "told")}
        os.mkfifo(paths["told"])
        # Opened for writing, too: reading it then waits for a line. Nothing is read ahead of what is asked for.
        self._told = os.fdopen(os.open(paths["told"], os.O_RDWR), "rb", buffering=0)
        self._out, self._err = Path(paths["out"]), Path(paths["err"])
        self._out.touch()
        self._err.touch()
        begin(paths)
        self.pid = int(self._told.readline())
        self._ended: Ended | None = None

    @property
    def has_ended(self) -> bool:
        return self._ended is not None or bool(select.select([self._told], [], [], 0)[0])

    def out(self) -> str:
        """What it has written to stdout so far."""
        return self._out.read_text()

    def err(self) -> str:
        """What it has written to stderr so far."""
        return self._err.read_text()

    def line(self, words: str = "") -> str:
        """The first line of stdout that has these words, once it is there; empty if the process ends without one."""
        while True:
            ended = self.has_ended
            lines = (self._ended.out if self._ended else self.out()).splitlines(keepends=True)
            if found := next((line for line in lines if words in line and line.endswith("\n")), ""):
                return found.rstrip("\n")
            if ended:
                return ""
            time.sleep(0.02)

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def end_group(self) -> None:
        """Kill what is left of it and of its process group, if it goes on."""
        if not self.has_ended:
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float | None = None) -> Ended:
        """Wait for its end.

        :raises TimeoutError: it goes on after ``seconds``
        """
        if self._ended is None:
            if not select.select([self._told], [], [], seconds)[0]:
                raise TimeoutError(f"process {self.pid} goes on:\n{self.out()}\n{self.err()}")
            with self._folder, self._told:
                self._ended = Ended(int(self._told.readline()), self._out.read_text(), self._err.read_text())
        return self._ended


class ForkedProcesses:
    """Processes can run side by side."""

    _shared: ForkedProcesses | None = None
    _making = threading.Lock()

    @classmethod
    def shared(cls) -> ForkedProcesses:
        """The one of this process."""
        with cls._making:
            cls._shared = cls._shared or cls()
            return cls._shared

    def __init__(self) -> None:
        self._home = tempfile.TemporaryDirectory()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
        self._parent = subprocess.Popen(
            [sys.executable, _PARENT],
            env={**kept, "AIRFLOW_HOME": self._home.name, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._sending = threading.Lock()
        atexit.register(self.close)

    def worker(self, environment: Mapping[str, str]) -> Ended:
        """A worker in this environment, its only one."""
        return self.start("worker", [], environment).wait()

    def command(
        self, arguments: Sequence[object], environment: Mapping[str, str], imports: Sequence[str] = ()
    ) -> Ended:
        """``ductwork ARGUMENTS``"""
        return self.start("command", arguments, environment, imports).wait()

    def script(self, arguments: Sequence[object], environment: Mapping[str, str]) -> Ended:
        """``python ARGUMENTS``, the first of them being a file."""
        return self.start("script", arguments, environment).wait()

    def airflow_script(self, arguments: Sequence[object], environment: Mapping[str, str]) -> Running:
        """A script that runs DAGs in Airflow itself: what that makes once per process is made once for all of them."""
        return self.start("airflow_script", arguments, environment)

    def module(self, arguments: Sequence[object], environment: Mapping[str, str]) -> Running:
        """``python -m ARGUMENTS``, the first of them being a module's name."""
        return self.start("module", arguments, environment)

    def start(
        self, kind: str, arguments: Sequence[object], environment: Mapping[str, str], imports: Sequence[str] = ()
    ) -> Running:
        """A process that leads a session of its own.

        :param kind: ``worker``, ``command``, ``script``, ``airflow_script`` or ``module``, as the methods above
        :param imports: modules that this process and those after it shall find imported
        """
        request = {"kind": kind, "arguments": [str(each) for each in arguments], "cwd": os.getcwd()}
        request |= {"env": dict(environment), "imports": list(imports)}

        def begin(paths: Mapping[str, str]) -> None:
            assert self._parent.stdin
            with self._sending:
                print(json.dumps({**request, **paths}), file=self._parent.stdin, flush=True)

        return Running(begin)

    def close(self) -> None:
        assert self._parent.stdin
        self._parent.stdin.close()
        self._parent.wait()
        self._home.cleanup()
