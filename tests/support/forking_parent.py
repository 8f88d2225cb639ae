"""The process that those of :mod:`forked_processes` are forked from. Each line of stdin asks for one, as JSON.

Scripts that run DAGs in Airflow itself are forked from a child of it for each ``AIRFLOW_HOME``. The child has taken what
Airflow computes while it is imported from that home's configuration, and has made Airflow's own API server, which is
large and which no other process needs.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ductwork.frame_stack import roomy
from huge_pages import collapse

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
_IN_AIRFLOW = "airflow_script"

Request = Mapping[str, Any]


@roomy
def main() -> None:
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
    collapse()
    _Parent(sys.stdin.fileno()).serve()


class _Parent:
    """Forks a process for each line that it reads, and writes its number and its exit code into the line's FIFO.

    :param requests: a descriptor, whose end is the parent's
    """

    def __init__(self, requests: int) -> None:
        self._requests = requests
        self._told: dict[int, str] = {}
        self._homes: dict[str, int] = {}
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler of ours is what makes the descriptor fire
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Serve until nobody can ask any more. What has been forked goes on."""
        rest = b""
        while True:
            readable, _, _ = select.select([self._requests, self._woken], [], [])
            if self._woken in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
                self._reap()
            if self._requests in readable:
                data = os.read(self._requests, 1 << 20)
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._begin(json.loads(line), line)

    def _begin(self, request: Request, line: bytes) -> None:
        home = request["env"].get("AIRFLOW_HOME")
        if request["kind"] == _IN_AIRFLOW and self._requests == sys.stdin.fileno():
            if home not in self._homes:
                self._homes[home] = self._parent_of(home)
            _write_all(self._homes[home], line + b"\n")
            return
        if request["kind"] == _IN_AIRFLOW:
            _prepare_airflow()
        _import(request["imports"])
        pid = os.fork()
        if pid == 0:
            self._leave()
            _become(request)
        self._told[pid] = request["told"]
        _tell(request["told"], pid)

    def _parent_of(self, home: str) -> int:
        """Fork a parent whose Airflow is that of a home; where to write what it shall do."""
        requests, to_ask = os.pipe()
        if os.fork() == 0:
            self._leave()
            os.close(to_ask)
            _live_in(Path(home))
            _Parent(requests).serve()
            os._exit(0)
        os.close(requests)
        return to_ask

    def _leave(self) -> None:
        """In a child: nothing of the parent is open there."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (self._woken, self._wake, *self._homes.values()):
            os.close(descriptor)
        if self._requests != sys.stdin.fileno():
            os.close(self._requests)

    def _reap(self) -> None:
        for pid, status in _ended():
            if pid in self._told:
                _tell(self._told.pop(pid), os.waitstatus_to_exitcode(status))


def _ended() -> Iterator[tuple[int, int]]:
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            yield found


def _write_all(descriptor: int, data: bytes) -> None:
    with open(descriptor, "wb", buffering=0, closefd=False) as file:
        while data:
            data = data[file.write(data) :]


def _tell(path: str, number: int) -> None:
    """Tell it where it is read, if it still is."""
    with contextlib.suppress(OSError):
        told = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        os.write(told, b"%d\n" % number)
        os.close(told)


def _import(modules: Sequence[str]) -> None:
    from ductwork.startup import collector_at_rest

    if not set(modules) <= sys.modules.keys():
        with collector_at_rest():
            for module in modules:
                importlib.import_module(module)
            gc.freeze()


def _read_configuration(home: Path) -> None:
    """Have Airflow's configuration be that of a home, if it has one."""
    from airflow import configuration
    from airflow.sdk.configuration import conf as of_tasks

    if (file := home / "airflow.cfg").exists():
        for conf in (configuration.conf, of_tasks):
            conf.read(file)


def _live_in(home: Path) -> None:
    """Have Airflow's configuration and its database be those of a home."""
    from airflow import configuration, settings

    os.environ["AIRFLOW_HOME"] = configuration.AIRFLOW_HOME = str(home)
    _read_configuration(home)
    settings.configure_vars()
    settings.dispose_orm()
    settings.configure_orm()


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
    collapse()


def _become(request: Request) -> NoReturn:
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
        _search(os.environ.get("PYTHONPATH", "").split(os.pathsep))
        _read_configuration(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser())
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


def _search(folders: Iterable[str]) -> None:
    """Find modules as a process does that is started with these folders in PYTHONPATH."""
    sys.path[:0] = [folder for folder in folders if folder and folder not in sys.path]


def _call(kind: str, arguments: list[str]) -> int:
    if kind == "worker":
        from ductwork_airflow import worker

        return worker.main()
    if kind in {"script", _IN_AIRFLOW}:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).parent))
        runpy.run_path(arguments[0], run_name="__main__")
        return 0
    if kind == "module":
        sys.argv = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        return 0
    from ductwork.cli import main as ductwork

    sys.argv = ["ductwork", *arguments]
    ductwork.main()
    return 0


if __name__ == "__main__":
    main()
