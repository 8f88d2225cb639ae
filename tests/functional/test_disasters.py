"""Tasks and processes that end badly: each failure is explained, and the ledger is consistent afterwards."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

DAGS = Path(__file__).parent / "dags"
TERMINAL = {"success", "failed", "skipped", "upstream_failed"}


@pytest.fixture(scope="module", params=["stepfunctions", "batch"])
def disasters(request, shared_ductwork):
    return shared_ductwork("run", DAGS / "disasters.py", "--local", "--json", "--target", request.param)


def test_every_task_ends_as_it_would_under_airflow(disasters):
    assert disasters.code == 1
    assert disasters.json["state"] == "failed"
    states = {task["task_id"]: (task["state"], task["try_number"]) for task in disasters.json["tasks"]}
    assert states == {
        "raises": ("failed", 1),
        "unserialisable": ("failed", 1),
        "too_large": ("failed", 1),
        "kills_itself": ("failed", 1),
        "kills_its_worker": ("failed", 2),
        "fails_then_dies": ("failed", 3),
        "below_killed": ("upstream_failed", 0),
        "fine": ("success", 1),
    }


@pytest.mark.parametrize(
    ("task", "code", "words"),
    [
        ("raises", "DW511", "the figures do not add up"),
        ("unserialisable", "DW512", "serializ"),
        ("too_large", "DW512", "409,600"),
        ("kills_itself", "DW513", "signal 9"),
        ("kills_its_worker", "DW513", ""),
    ],
)
def test_each_failure_is_explained(disasters, task, code, words):
    lines = [line for line in disasters.err.splitlines() if f"[disasters.{task}]" in line]
    assert len(lines) == 1, disasters.err
    assert code in lines[0]
    assert words in lines[0]
    assert "disasters.py:" in lines[0]


@pytest.fixture
def running(ductwork, tmp_path):
    """``ductwork run`` of the slow DAG, its task running."""
    mark, ledger = tmp_path / "mark", ductwork.home / "ductwork" / "ledger.json"
    process = ductwork.start("run", DAGS / "slow.py", "--local", "--run-id", "r1", "--conf", f'{{"path": "{mark}"}}')
    deadline = time.monotonic() + 90
    while not mark.exists() or not ledger.exists() or ledger.stat().st_mtime < mark.stat().st_mtime:
        assert not process.has_ended, process.wait()
        assert time.monotonic() < deadline, "the task did not start, or is not in the ledger's file"
        time.sleep(0.1)
    yield process, mark
    process.end_group()


def _family(process):
    return psutil.Process(process.pid).children(recursive=True)


def _all_gone(processes, seconds):
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("how", ["ctrl-c", "cancel"])
def test_ctrl_c_stops_the_children_and_marks_the_run(running, ductwork, how):
    process, mark = running
    family = _family(process)
    if how == "ctrl-c":
        os.killpg(process.pid, signal.SIGINT)  # the whole foreground group
    else:
        # As every polite end of the process (SIGTERM), from another terminal.
        stopped = ductwork("cancel", "slow", "r1", "--local")
        assert (stopped.code, stopped.err) == (0, "stopping slow r1\nslow r1: failed\n")
    ended = process.wait(120)  # the worker has twenty seconds, on a machine that may be busy
    assert ended.code == 130
    assert "DW514" in ended.err
    assert "Traceback" not in ended.err
    assert _all_gone(family, 10)
    assert mark.read_text() == "killed"
    shown = ductwork("status", "slow", "r1", "--local", "--json")
    states = {task["task_id"]: task["state"] for task in shown.json["tasks"]}
    assert shown.json["state"] == "failed"
    assert states["patient"] == "failed"


def test_kill_9_leaves_no_process_and_a_readable_ledger(running, ductwork):
    process, _ = running
    family = _family(process)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert _all_gone(family, 40)
    shown = ductwork("status", "slow", "r1", "--local", "--json")
    assert {task["task_id"]: task["state"] for task in shown.json["tasks"]} == {"patient": "running"}
    # Nobody is left to stop it: it is marked.
    assert ductwork("cancel", "slow", "r1", "--local").code == 0
    shown = ductwork("status", "slow", "r1", "--local", "--json")
    assert (shown.json["state"], [task["state"] for task in shown.json["tasks"]]) == (
        "failed",
        ["failed", "upstream_failed"],
    )
    assert ductwork("cancel", "slow", "no_such", "--local").code == 1
