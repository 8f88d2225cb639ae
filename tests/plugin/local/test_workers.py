"""The fork server: processes, signals, descriptors, and what is left when the main process dies."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool

ENV = {"PATH": os.environ["PATH"]}


class Events:
    def __init__(self, pool: WorkerPool) -> None:
        self._queue: queue.Queue[dict[str, Any]] = queue.Queue()
        pool.listen(self._queue.put)

    def next(self, kind: str) -> dict[str, Any]:
        while (event := self._queue.get(timeout=10))["event"] != kind:
            pass
        return event


@pytest.fixture
def own_pool() -> Iterator[WorkerPool]:
    with WorkerPool(preload=False) as pool:
        yield pool


@pytest.fixture
def events(own_pool: WorkerPool) -> Events:
    return Events(own_pool)


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def until_dead(*pids: int, seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, [pid for pid in pids if alive(pid)]
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("argv", "returncode", "output"),
    [
        (["sh", "-c", "echo out; echo err >&2; exit 3"], 3, "out\nerr\n"),
        (["sh", "-c", "kill -9 $$"], -9, ""),
        (["sh", "-c", 'echo "$X"; pwd'], 0, "é\udcff\n{cwd}\n"),
        (["nope"], 127, "ductwork: command not found: 'nope'"),
        (["/"], 126, "ductwork: cannot execute '/'"),
    ],
)
def test_a_command(
    own_pool: WorkerPool, events: Events, tmp_path: Path, argv: list[str], returncode: int, output: str
) -> None:
    own_pool.start("id", argv, ENV | {"X": "é\udcff"}, tmp_path, tmp_path / "log")
    assert events.next("started")["id"] == "id"
    assert events.next("exited") == {"event": "exited", "id": "id", "returncode": returncode}
    written = (tmp_path / "log").read_text(errors="surrogateescape")
    assert written.startswith(output.format(cwd=tmp_path))


def test_the_environment_is_complete(own_pool: WorkerPool, events: Events, tmp_path: Path) -> None:
    own_pool.start(
        "id", [sys.executable, "-c", "import os; print(sorted(os.environ))"], {"A": "1"}, "/", tmp_path / "log"
    )
    events.next("exited")
    assert set(eval((tmp_path / "log").read_text())) <= {"A", "LC_CTYPE"}  # Python itself may set LC_CTYPE


def test_a_worker_runs_in_the_forked_process(own_pool: WorkerPool, events: Events, tmp_path: Path) -> None:
    own_pool.start("id", ["ductwork", "worker"], {}, "/", tmp_path / "log")
    assert events.next("exited")["returncode"] == 2  # no task in its environment
    assert "ductwork worker:" in (tmp_path / "log").read_text()


def test_no_stray_descriptors(tmp_path: Path) -> None:
    strays = [os.open("/dev/zero", os.O_RDONLY) for _ in range(5)]
    for fd in strays:
        os.set_inheritable(fd, True)
    with WorkerPool(preload=False) as pool:
        events = Events(pool)
        pool.start("id", ["sh", "-c", "ls -l /proc/$$/fd"], ENV, "/", tmp_path / "log")
        events.next("exited")
        server = {os.readlink(entry) for entry in Path(f"/proc/{pool.pid}/fd").iterdir()}
    for fd in strays:
        os.close(fd)
    targets = [line.rpartition("-> ")[2] for line in (tmp_path / "log").read_text().splitlines() if "->" in line]
    assert sorted(targets) == sorted(["/dev/null", str(tmp_path / "log"), str(tmp_path / "log")])
    assert "/dev/zero" not in server


def test_signals_reach_the_whole_group(own_pool: WorkerPool, events: Events, tmp_path: Path) -> None:
    own_pool.start("id", ["sh", "-c", "sleep 60 & echo $!; wait"], ENV, "/", tmp_path / "log")
    pid = events.next("started")["pid"]
    log = tmp_path / "log"  # the child opens it after its start was told
    deadline = time.monotonic() + 30
    while not (log.exists() and (written := log.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    own_pool.kill("id", signal.SIGTERM)
    assert events.next("exited")["returncode"] == -signal.SIGTERM
    until_dead(pid, int(written))


def test_what_a_job_leaves_behind_ends_with_it(own_pool: WorkerPool, events: Events, tmp_path: Path) -> None:
    own_pool.start("id", ["sh", "-c", "sleep 60 & echo $!"], ENV, "/", tmp_path / "log")
    events.next("exited")
    until_dead(int((tmp_path / "log").read_text()))


def test_interrupts_do_not_end_the_pool(own_pool: WorkerPool, events: Events, tmp_path: Path) -> None:
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(own_pool.pid, sig)
    own_pool.start(
        "id", [sys.executable, "-c", "import signal; print(signal.getsignal(2))"], ENV, "/", tmp_path / "log"
    )
    assert events.next("exited")["returncode"] == 0
    assert "default_int_handler" in (tmp_path / "log").read_text()  # the job takes Ctrl-C as usual


def test_closing_ends_all_jobs(tmp_path: Path) -> None:
    pool = WorkerPool(preload=False)
    events = Events(pool)
    pool.start("id", ["sleep", "60"], ENV, "/", tmp_path / "log")
    pid = events.next("started")["pid"]
    pool.close()
    assert not alive(pid)
    assert not alive(pool.pid)


MAIN = """
import os, sys, time
from pathlib import Path
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
pool = WorkerPool(preload=False)
pool.listen(lambda event: print(pool.pid, event["pid"], flush=True))
pool.start("id", ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], dict(os.environ), "/", Path(sys.argv[1]))
time.sleep(60)
"""


def test_a_killed_main_process_leaves_no_children(tmp_path: Path) -> None:
    main = subprocess.Popen([sys.executable, "-c", MAIN, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True)
    assert main.stdout is not None
    server, job = map(int, main.stdout.readline().split())
    assert [alive(server), alive(job)] == [True, True]
    main.kill()
    main.wait()
    main.stdout.close()
    until_dead(server, job)
