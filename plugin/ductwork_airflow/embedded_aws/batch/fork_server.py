"""The server's side of :mod:`.worker_pool`: one single-threaded process that forks the jobs.

What a forked worker inherits, and what it does not:

* the environment, the working directory, standard streams and signal handlers are the job's own;
* modules imported by ``ductwork_airflow.worker.preload``, in the main process, are shared. Airflow's configuration
  reads ``AIRFLOW__SECTION__KEY`` from ``os.environ`` at each ``conf.get``, so the job's values win there; what Airflow
  has computed from its configuration *while being imported* (``AIRFLOW_HOME``, ``settings.*``, the logging setup) is
  the main process's, whose environment is that of the jobs;
* no descriptor of the main process: the server points every descriptor it inherited at the null device.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterable
from typing import Any, NoReturn

import psutil
from ductwork.frame_stack import roomy

GRACE_SECONDS = 3.0  # between SIGTERM and SIGKILL when the main process has gone
_WORKER = ["ductwork", "worker"]
_WORKER_MODULE = "ductwork_airflow.worker"
_CONTAINER_MODULE = "ductwork_airflow.worker.container"
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)  # only the end of the main process ends us

Request = dict[str, Any]


@roomy
def serve(connection: socket.socket, masked: Iterable[int]) -> NoReturn:
    """Serve until the other end of ``connection`` is closed, then end all jobs and the process.

    :param masked: the signal mask to take once :data:`IGNORED` are ignored
    """
    code = 1
    try:
        for sig in IGNORED:
            signal.signal(sig, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        _detach_from_parent(keep=connection.fileno())
        gc.freeze()  # keeps the collector of the children off the shared pages
        _Server(connection).run()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing above catches it; the main process sees "closed"
        traceback.print_exc()
    finally:
        os._exit(code)


def _detach_from_parent(keep: int) -> None:
    """Point every inherited descriptor at the null device.

    Closing them would free their numbers for descriptors of ours, which the finalizer of a forgotten file object
    of the parent would then close.
    """
    null = os.open(os.devnull, os.O_RDWR)
    directory = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    for fd in [int(name) for name in os.listdir(directory)]:
        if fd not in (1, 2, keep, null):
            with contextlib.suppress(OSError):  # the listing's own descriptor is closed by now
                os.fstat(fd)
                os.dup2(null, fd, inheritable=fd == 0)
    _standard_streams()


def _standard_streams() -> None:
    """Python's streams on descriptors 0 to 2, whatever the parent had put into ``sys``."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        stream = open(  # noqa: SIM115 - lives as long as the process
            fd, mode, buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


class _Server:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pids: dict[str, int] = {}
        self._ids: dict[int, str] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler of ours is what makes the wake-up descriptor fire

    def run(self) -> None:
        buffer = b""
        while True:
            readable, _, _ = select.select([self._connection.fileno(), self._wake_read], [], [])
            if self._wake_read in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
                self._reap()
            if self._connection.fileno() in readable:
                data = self._receive()
                if not data:
                    self._end_all()
                    return
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    self._handle(json.loads(line))

    def _receive(self) -> bytes:
        try:
            return self._connection.recv(1 << 20)
        except ConnectionResetError:
            return b""

    def _handle(self, request: Request) -> None:
        if request["do"] == "start":
            self._start(request)
        elif request["id"] in self._pids:
            _signal_group(self._pids[request["id"]], request["signal"])

    def _start(self, request: Request) -> None:
        ready, is_ready = os.pipe()
        pid = os.fork()
        if pid == 0:
            for fd in (self._connection.detach(), self._wake_read, self._wake_write, ready):
                os.close(fd)
            _run_job(request, is_ready)
        os.close(is_ready)
        os.read(ready, 1)  # end of file: the job leads a session and takes signals
        os.close(ready)
        self._pids[request["id"]] = pid
        self._ids[pid] = request["id"]
        self._reply(event="started", id=request["id"], pid=pid)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._ids:
                _kill_session(pid)  # as a container: when its first process ends, all of it ends
                id = self._ids.pop(pid)
                del self._pids[id]
                self._reply(event="exited", id=id, returncode=os.waitstatus_to_exitcode(status))

    def _end_all(self) -> None:
        for sig, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
            for pid in list(self._ids):
                _signal_group(pid, sig)
                if sig == signal.SIGKILL:
                    _kill_session(pid)
            deadline = time.monotonic() + seconds
            while self._ids and time.monotonic() < deadline:
                self._reap()
                time.sleep(0.01)

    def _reply(self, **event: Any) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the end of file follows
            self._connection.sendall(json.dumps(event).encode() + b"\n")


def _signal_group(pid: int, sig: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, sig)


def _kill_session(leader: int) -> None:
    """Kill whatever is left of a job: its processes may have made groups of their own, as Airflow's tasks do."""
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


def _run_job(request: Request, is_ready: int) -> NoReturn:
    """Become the job. Never returns: whatever happens ends the process with an exit code."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for sig in (*IGNORED, signal.SIGCHLD):
            signal.signal(sig, signal.SIG_DFL)
        os.setsid()
        os.close(is_ready)
        output = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.environ.clear()
        os.environ.update(request["env"])
        time.tzset()
        os.chdir(request["cwd"])
        argv = request["argv"]
        code = _work(argv[len(_WORKER) :]) if argv[: len(_WORKER)] == _WORKER else _execute(argv)
    except BaseException:  # noqa: BLE001 - nothing above catches it; the traceback is the end of the job's log
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):  # a full disk must not keep the process alive
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _work(arguments: list[str]) -> int:
    """Run the worker in this process, and return its exit code.

    :param arguments: ``--`` and a command to run in the place of the task, or nothing
    """
    try:
        if arguments[:1] == ["--"]:
            return int(importlib.import_module(_CONTAINER_MODULE).main(arguments[1:])) & 0xFF
        return int(importlib.import_module(_WORKER_MODULE).main(dict(os.environ)) or 0) & 0xFF
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        return stop.code & 0xFF if isinstance(stop.code, int) else int(stop.code is not None)


def _execute(argv: list[str]) -> int:
    """Replace the process; returns an exit code, as a shell would give it, only if that is impossible."""
    try:
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.execvpe(argv[0], argv, dict(os.environ))
    except FileNotFoundError:
        print(f"ductwork: command not found: {argv[0]!r} (PATH={os.environ.get('PATH', '')})", file=sys.stderr)
        return 127
    except OSError as error:
        print(f"ductwork: cannot execute {argv[0]!r}: {error}", file=sys.stderr)
        return 126
