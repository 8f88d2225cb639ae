"""kill -9 of Airflow's processes at random moments, and somebody who starts again what has been killed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psutil
from ductwork_airflow.local.standalone import Standalone

# The process that runs a task calls itself by the id of its task instance.
_TASK = re.compile(r"airflow worker -- [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_TASK_SECONDS, _COMPONENT_SECONDS = 10.0, 90.0


class Killer:
    """A context manager: what it has started ends with it.

    :param chance: decides on moments and victims
    :ivar kills: how many there have been, by kind: ``task``, ``triggerer``, ``scheduler`` (its tasks live on for a
        while, without parents) and ``scheduler and its tasks``
    """

    def __init__(self, airflow: Standalone, home: Path, chance: Random) -> None:
        self._airflow, self._home, self._chance = airflow, home, chance
        self._started: list[subprocess.Popen[bytes]] = []
        self.kills: Counter[str] = Counter()

    def __enter__(self) -> Killer:
        return self

    def __exit__(self, *_: object) -> None:
        # Tasks are process groups of their own: what kill -9 has orphaned is not ended with the others.
        for process in self._tasks():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for started in self._started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
            started.wait(30)

    def kill(self, kind: str) -> bool:
        """Kill one of this kind at a random moment of its life; a component is started again a moment later.

        :return: False if no task has run for a while
        """
        if kind != "task":
            self._kill_component(kind.split()[0], with_tasks=kind != "scheduler")
        elif not self._kill_task():
            return False
        self.kills[kind] += 1
        return True

    def _kill_task(self) -> bool:
        deadline = time.monotonic() + _TASK_SECONDS
        while time.monotonic() < deadline:
            if found := self._tasks():
                time.sleep(self._chance.uniform(0, 1.5))
                victim = self._chance.choice(found)
                with contextlib.suppress(psutil.NoSuchProcess):
                    if _TASK.match(_title(victim)):
                        victim.kill()
                        return True
            time.sleep(0.05)
        return False

    def _kill_component(self, name: str, *, with_tasks: bool) -> None:
        victim = self._component(name)
        family = [victim, *victim.children(recursive=True)] if with_tasks else [victim]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(self._chance.uniform(0, 3))
        self._start(name)

    def _start(self, name: str) -> None:
        command = [str(Path(sys.executable).parent / "airflow"), name]
        with (self._home / f"{name}.log").open("ab") as log:
            self._started.append(
                subprocess.Popen(command, env=self._airflow.environment, stdout=log, stderr=log, start_new_session=True)
            )

    def _component(self, name: str) -> psutil.Process:
        """One of this name, once it has had time to begin its work."""
        deadline = time.monotonic() + _COMPONENT_SECONDS
        grown = self._chance.uniform(12, 20)
        while time.monotonic() < deadline:
            found = [process for process in self._ours() if _title(process).endswith(f"/airflow {name}")]
            for process in found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    if time.time() - process.create_time() > grown:
                        return process
            if not found:  # it has ended by itself
                self._start(name)
            time.sleep(0.5)
        raise AssertionError(f"there is no {name} to kill")

    def _tasks(self) -> list[psutil.Process]:
        return [process for process in self._ours() if _TASK.match(_title(process))]

    def _ours(self) -> Iterator[psutil.Process]:
        """This Airflow's processes, also those whose parents are gone; not the jobs of the embedded AWS."""
        sessions = {process.pid for process in self._started}
        sessions |= {child.pid for child in psutil.Process().children() if _title(child).endswith("airflow standalone")}
        for process in psutil.process_iter():
            with contextlib.suppress(ProcessLookupError):
                if os.getsid(process.pid) in sessions:
                    yield process


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline()).strip()
    return ""
