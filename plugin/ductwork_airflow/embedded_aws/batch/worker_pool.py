"""Where the jobs of the local engine come from: a server process that forks one process per job.

The main process imports Airflow's heavy modules, once for all, and the pool is forked from it *before any thread exists
there*. It then forks a ready-made worker per job in milliseconds. Both ends speak lines of JSON over a socket pair, see
:mod:`ductwork_airflow.embedded_aws.batch.fork_server`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ductwork_airflow.embedded_aws.batch.fork_server import IGNORED, serve

_WORKER_MODULE = "ductwork_airflow.worker"

log = logging.getLogger(__name__)

Event = dict[str, Any]


class WorkerPool:
    """A fork server. Make it first thing in the program: a fork copies no threads but their held locks.

    Events handed to :meth:`listen`'s callback, on the pool's reader thread:
    ``{"event": "started", "id", "pid"}``; ``{"event": "exited", "id", "returncode"}`` with a negative return code for a
    signal; ``{"event": "closed"}`` once, when the server is gone.

    :param preload: import what workers need of Airflow here, first; False starts faster, for plain commands
    """

    def __init__(self, *, preload: bool = True) -> None:
        if preload:
            _preload()
        ours, theirs = socket.socketpair()
        # A Ctrl-C that comes before the server ignores it waits until it does.
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
        self.pid = os.fork()
        if self.pid == 0:
            ours.detach()  # the server makes every descriptor but its own harmless
            serve(theirs, masked)
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        theirs.close()
        self._socket = ours
        self._send_lock = threading.Lock()
        self._reader: threading.Thread | None = None
        self._callback: Callable[[Event], None] = lambda event: None
        self._closed = False

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def listen(self, callback: Callable[[Event], None]) -> None:
        """Hand every event from now on to ``callback``, one at a time, in the place of whoever listened before."""
        self._callback = callback
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, name="ductwork-pool", daemon=True)
            self._reader.start()

    def start(self, id: str, argv: Sequence[str], env: Mapping[str, str], cwd: str | Path, log_path: Path) -> None:
        """Run ``argv`` in a process of its own session, ``env`` being its complete environment.

        ``["ductwork", "worker", …]`` runs in the forked process itself; anything else is executed. A job that cannot
        be started ends with 126 or 127 and says why in its log.
        """
        self._send(
            {"do": "start", "id": id, "argv": list(argv), "env": dict(env), "cwd": str(cwd), "log": str(log_path)}
        )

    def kill(self, id: str, sig: int = signal.SIGTERM) -> None:
        """Signal the job's whole process group. Nothing happens if it has ended."""
        self._send({"do": "kill", "id": id, "signal": int(sig)})

    def close(self) -> None:
        """End all jobs (SIGTERM, then SIGKILL) and the server; returns when all of them are gone."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):  # the server may have gone already
            self._socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        if self._reader and self._reader is not threading.current_thread():
            self._reader.join(timeout=5)
        self._socket.close()

    def _send(self, request: Mapping[str, Any]) -> None:
        with self._send_lock, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            # A dead server is reported to the listener as "closed".
            self._socket.sendall(json.dumps(request).encode() + b"\n")

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    self._callback(json.loads(line))
        except ConnectionResetError:
            log.debug("the worker pool's server closed its socket")
        self._callback({"event": "closed"})


def _preload() -> None:
    if importlib.util.find_spec(_WORKER_MODULE) is None:
        return
    try:
        importlib.import_module(_WORKER_MODULE).preload()
    except Exception:  # a worker will fail in the same way and say so in its log; plain commands still run
        log.warning("Airflow cannot be imported ahead of time", exc_info=True)
