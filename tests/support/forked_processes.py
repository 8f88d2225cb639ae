"""Workers, commands and scripts forked from a process that has imported Airflow, as the local engine forks its workers.

Airflow's import, seconds of CPU, is then paid for once and not by every process of the suite. What Airflow computes
from its configuration while it is imported (``AIRFLOW_HOME``, ``settings``, the XCom backend) is the first process's.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from ductwork.frame_stack import roomy

_IN_MOST_COMMANDS = (
    "ductwork.compiler",
    "ductwork.frontend.loader",
    "ductwork.frontend.manual_run",
    "ductwork_airflow.commands",
    "ductwork_airflow.commands.embedded",
    "ductwork_airflow.commands.watch",
    "ductwork_airflow.embedded_aws.batch.logs",
    "ductwork_airflow.embedded_aws.services",
    "ductwork_airflow.embedded_aws.tables",
    "ductwork_airflow.local.run",
    "ductwork_airflow.reporting.progress",
    "time_machine",
)
_SERVED = ("batch", "dynamodb", "stepfunctions")


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
    """Processes can run side by side.

    :param environment: what Airflow is imported with
    """

    _by_home: dict[str, ForkedProcesses] = {}
    _making = threading.Lock()

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> ForkedProcesses:
        """The one for this ``AIRFLOW_HOME``."""
        home = environment["AIRFLOW_HOME"]
        with cls._making:
            if home not in cls._by_home:
                cls._by_home[home] = cls(environment)
            return cls._by_home[home]

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, __file__], env=environment, stdin=subprocess.PIPE, text=True, start_new_session=True
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


@roomy
def serve() -> None:
    """Carry out each line of stdin in a process of its own."""
    from ductwork.startup import airflow_imports

    del sys.path[0]  # this folder: a console script does not have it
    with airflow_imports():
        for module in _IN_MOST_COMMANDS:
            importlib.import_module(module)
        from ductwork_airflow import worker
        from ductwork_airflow.aws import clients
        from ductwork_airflow.embedded_aws.moto_patches import install
        from ductwork_airflow.embedded_aws.services import without_users_aws

        worker.preload()
        with without_users_aws("eu-west-1"):  # moto makes clients while it is imported
            install.install()
            importlib.import_module("ductwork_airflow.embedded_aws.server")
            from moto.core.utils import get_service_model

            for service in _SERVED:
                importlib.import_module(f"moto.{service}.urls")
                get_service_model(service)
            clients.warm_up(*_SERVED, "logs")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who carry requests out
    for line in sys.stdin:
        request = json.loads(line)
        if request["kind"] == "airflow_script":
            _prepare_airflow()
        _import(request["imports"])
        if os.fork() == 0:
            _carry_out(request)


def _import(modules: Sequence[str]) -> None:
    from ductwork.startup import collector_at_rest

    if not set(modules) <= sys.modules.keys():
        with collector_at_rest():
            for module in modules:
                importlib.import_module(module)
            gc.freeze()


@functools.cache
def _prepare_airflow() -> None:
    """Make Airflow's Task Execution API, with all its versions: most of what ``dag.test()`` does for a short run."""
    from ductwork.startup import collector_at_rest

    with collector_at_rest():
        import airflow.dag_processing.dagbag
        import airflow.models.dagbag  # noqa: F401
        from airflow.sdk.execution_time import supervisor

        app = supervisor.in_process_api_server().app
        # What its first request calls. Its own thread, which no fork has, is started by that request as ever.
        app._cadwyn_initialize()
        gc.freeze()


def _carry_out(request: Mapping[str, Any]) -> NoReturn:
    """Fork the process, and write its number and its exit code where they are read, if they still are."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        _become(request)
    _tell(request["told"], pid)
    _tell(request["told"], os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _tell(path: str, number: int) -> None:
    with contextlib.suppress(OSError):
        told = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        os.write(told, b"%d\n" % number)
        os.close(told)


def _become(request: Mapping[str, Any]) -> NoReturn:
    code = 1
    # A suite started in the background hands down an ignored SIGINT; a terminal does not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT), descriptor)
        os.environ.clear()
        os.environ.update(request["env"])
        time.tzset()
        tempfile.tempdir = None  # it is looked up again: the environment may name another
        os.chdir(request["cwd"])
        code = _call(request["kind"], request["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - what Python would print and exit with
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _call(kind: str, arguments: list[str]) -> int:
    if kind == "worker":
        from ductwork_airflow import worker

        return worker.main()
    if kind in {"script", "airflow_script"}:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).parent))
        runpy.run_path(arguments[0], run_name="__main__")
        return 0
    if kind == "module":
        sys.argv = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        return 0
    from ductwork.cli import main

    sys.argv = ["ductwork", *arguments]
    main.main()
    return 0


if __name__ == "__main__":
    serve()
