"""Workers forked from a process that has called ``worker.preload``, as the local engine forks them.

Airflow's import, seconds of CPU, is then paid for once and not by every worker of the suite.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_FORKING = """
import json, os, sys
from ductwork_airflow import worker
worker.preload()
for line in sys.stdin:
    request = json.loads(line)
    pid = os.fork()
    if pid == 0:
        for descriptor, path in ((1, request["out"]), (2, request["err"])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
        os.environ.clear()
        os.environ.update(request["env"])
        code = 1
        try:
            code = worker.main()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class ForkedWorkers:
    """
    :param environment: what Airflow is imported with; its ``AIRFLOW_HOME`` is that of all workers
    """

    _by_home: dict[str, ForkedWorkers] = {}

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> ForkedWorkers:
        """The one for this home."""
        home = environment["AIRFLOW_HOME"]
        if home not in cls._by_home:
            cls._by_home[home] = made = cls(environment)
            atexit.register(made.close)
        return cls._by_home[home]

    def __init__(self, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-c", _FORKING]
        self._parent = subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, text=True)

    def run(self, environment: Mapping[str, str]) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a worker in this environment, its only one."""
        assert self._parent.stdin and self._parent.stdout
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            request = {"env": dict(environment), "out": str(out), "err": str(err)}
            print(json.dumps(request), file=self._parent.stdin, flush=True)
            code = int(self._parent.stdout.readline())
            return code, out.read_text(), err.read_text()

    def close(self) -> None:
        assert self._parent.stdin
        self._parent.stdin.close()
        self._parent.wait()
