"""SIGTERM, which AWS Batch sends 30 seconds before it kills a container."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import datetime, timezone

from ductwork_airflow import compat
from ductwork_airflow.execution_api import Session

_POLL_SECONDS = 0.1
_SOCKET_SECONDS = 1.0


class Termination:
    """Passes SIGTERM on to the task, so that the operator's ``on_kill`` runs, and kills a task that takes too long.

    The signal is blocked in this process and taken by a thread, whatever handlers Airflow installs; a child gets it
    unblocked again.

    :param grace: seconds
    """

    def __init__(self, session: Session, grace: float) -> None:
        self._session = session
        self._grace = grace
        self.requested = threading.Event()
        self.killed = False

    def watch(self) -> None:
        """Call in the main thread, before any other thread starts."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        os.register_at_fork(after_in_child=_unblock)
        threading.Thread(target=self._wait, name="ductwork-sigterm", daemon=True).start()

    def wait_until(self, due: datetime) -> bool:
        """Sleep. False if the worker was stopped meanwhile."""
        seconds = (due - datetime.now(timezone.utc)).total_seconds()
        return not self.requested.wait(max(0.0, seconds))

    def _wait(self) -> None:
        signal.sigwait({signal.SIGTERM})
        self._session.stopping = True
        self.requested.set()
        compat.cut_socket_cleanup(_SOCKET_SECONDS)
        signalled: set[int] = set()
        deadline = time.monotonic() + self._grace
        while time.monotonic() < deadline:
            # The process may be about to start, or be followed by another one.
            if (pid := self._session.pid) is not None and pid not in signalled:
                signalled.add(pid)
                _send(pid, signal.SIGTERM)
            time.sleep(_POLL_SECONDS)
        if (pid := self._session.pid) is not None:
            self.killed = True
            _kill_group(pid)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has ended by itself


def _kill_group(pid: int) -> None:
    """Kill a process and, if it leads a group of its own, whatever it has started."""
    try:
        leads = os.getpgid(pid) == pid
    except ProcessLookupError:
        return
    if leads:
        os.killpg(pid, signal.SIGKILL)
    else:
        _send(pid, signal.SIGKILL)
