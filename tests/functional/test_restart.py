"""``ductwork restart`` and ``skip`` of local runs, each in a process of its own after the one that ran them."""

import json
import shutil
import time
from pathlib import Path

import pytest

DAGS = Path(__file__).parent / "dags"
GATED = DAGS / "gated.py"
# Chains are restarted by tests/plugin/submit in every run; here each restart is a process of its own.
# The last is a machine that submits a chain: its execution is gone with the process that ran it.
MACHINE_CHAIN = "machine_chain"
_OTHER = [pytest.param("batch", marks=pytest.mark.long)]
TARGETS = pytest.mark.parametrize("target", ["stepfunctions", *_OTHER])


def tasks(result):
    return {task["task_id"]: (task["state"], task["try_number"]) for task in result.json["tasks"]}


@pytest.fixture
def gate(tmp_path):
    return tmp_path / "gate"


def run(ductwork, run_id, gate, target="stepfunctions", path=GATED):
    """A run that fails while there is no gate."""
    conf = json.dumps({"gate": str(gate)})
    engine = ("--engine", "batch") if target == MACHINE_CHAIN else ("--target", target)
    given = ("--run-id", run_id, *engine, "--logical-date", "2026-01-01", "--conf", conf)
    return ductwork("run", path, "--dag-id", "gated", "--local", "--json", *given)


def restart(ductwork, run_id, *more):
    return ductwork("restart", "gated", run_id, "--local", "--json", *more)


@pytest.mark.parametrize("target", ["stepfunctions", MACHINE_CHAIN, *_OTHER])
def test_a_failed_run_goes_on(shared_ductwork, gate, target):
    run_id = f"goes_on_{target}"
    failed = run(shared_ductwork, run_id, gate, target)
    assert tasks(failed) == {"first": ("success", 1), "flaky": ("failed", 1), "last": ("upstream_failed", 0)}
    gate.touch()
    mended = restart(shared_ductwork, run_id)
    assert mended.code == 0, mended.err
    assert tasks(mended) == {"first": ("success", 1), "flaky": ("success", 2), "last": ("success", 1)}
    values = {task["task_id"]: task["return_value"] for task in mended.json["tasks"]}
    assert values["last"] == "first, then flaky at try 2 of 2"
    again = restart(shared_ductwork, run_id, "--task", "flaky")
    assert tasks(again) == {"first": ("success", 1), "flaky": ("success", 3), "last": ("success", 2)}, again.err
    only = restart(shared_ductwork, run_id, "--task", "first", "--only")
    assert tasks(only) == {"first": ("success", 2), "flaky": ("success", 3), "last": ("success", 2)}, only.err
    shown = shared_ductwork("status", "gated", run_id, "--local", "--json")
    assert (shown.json["state"], tasks(shown)) == ("success", tasks(only))


@TARGETS
def test_marks(shared_ductwork, gate, target):
    run_id = f"marks_{target}"
    run(shared_ductwork, run_id, gate, target)
    marked = restart(shared_ductwork, run_id, "--mark", "flaky=success", "--mark", "last=skipped")
    assert (marked.code, marked.json["state"]) == (0, "success"), marked.err
    assert tasks(marked) == {"first": ("success", 1), "flaky": ("success", 1), "last": ("skipped", 0)}
    failed = restart(shared_ductwork, run_id, "--mark", "last=failed")
    assert (failed.code, failed.json["state"]) == (1, "failed"), failed.err
    assert "marked failed by hand" in failed.err


@TARGETS
def test_skip(shared_ductwork, gate, target):
    run_id = f"skip_{target}"
    run(shared_ductwork, run_id, gate, target)
    skipped = shared_ductwork("skip", "gated", run_id, "flaky", "--local", "--json")
    assert (skipped.code, skipped.json["state"]) == (0, "success"), skipped.err
    assert tasks(skipped) == {"first": ("success", 1), "flaky": ("skipped", 1), "last": ("skipped", 0)}


@pytest.mark.long
def test_what_cannot_be_restarted(shared_ductwork, gate):
    gate.touch()
    assert run(shared_ductwork, "ended_well", gate).code == 0
    for arguments, code, words in (
        (("gated", "no_such_run"), "DW505", "no_such_run"),
        (("gated", "ended_well"), "DW516", "ended well: name the tasks that are to run again"),
        (("gated", "ended_well", "--task", "nope"), "DW516", "has no task nope; it has first, flaky, last"),
        (("gated", "ended_well", "--mark", "nope=success"), "DW516", "has no task nope"),
        (("gated", "ended_well", "--path", "/no/such/file.py"), "DW101", "/no/such/file.py"),
    ):
        refused = shared_ductwork("restart", *arguments, "--local")
        assert (refused.code, code in refused.err, words in refused.err) == (1, True, True), refused.err
    assert tasks(shared_ductwork("status", "gated", "ended_well", "--local", "--json"))["last"] == ("success", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("restart", "gated", "r", "--only"),
        ("restart", "gated", "r", "--mark", "first"),
        ("restart", "gated", "r", "--mark", "first=running"),
        ("restart", "gated", "r", "--mark", "=success"),
        ("restart", "gated", "r", "--path", "dag.py"),
        ("restart", "gated", "r", "--jobs", "2"),
        ("skip", "gated", "r"),
    ],
)
def test_usage(ductwork, arguments):
    assert ductwork(*arguments).code == 2


@pytest.mark.long
def test_the_dag_file_may_have_moved(ductwork, gate, tmp_path):
    here, there = tmp_path / "here" / "dag.py", tmp_path / "there" / "dag.py"
    here.parent.mkdir()
    there.parent.mkdir()
    shutil.copy(GATED, here)
    run(ductwork, "moved", gate, path=here)
    gate.touch()
    shutil.move(here, there)
    lost = restart(ductwork, "moved")
    assert (lost.code, "DW101" in lost.err, str(here) in lost.err) == (1, True, True), lost.err
    found = restart(ductwork, "moved", "--path", there)
    assert (found.code, tasks(found)["flaky"]) == (0, ("success", 2)), found.err
    # It is remembered.
    assert restart(ductwork, "moved", "--task", "last").code == 0


def test_a_run_that_goes_on_and_one_whose_process_died(ductwork):
    process = ductwork.start("run", GATED, "--dag-id", "waiting", "--local", "--run-id", "w")
    seen = ductwork.home / "ductwork" / "ledger.json"
    deadline = time.monotonic() + 90
    while not (seen.exists() and '"running"' in seen.read_text()):
        assert time.monotonic() < deadline, "the run never got into the ledger's file"
        assert not process.has_ended, process.wait()
        time.sleep(0.2)
    refused = ductwork("restart", "waiting", "w", "--local")
    assert (refused.code, "DW517" in refused.err, "still running" in refused.err) == (1, True, True), refused.err
    process.end_group()
    mended = ductwork("restart", "waiting", "w", "--local", "--json", "--mark", "waits=success")
    assert (mended.code, mended.json["state"]) == (0, "success"), mended.err
    assert tasks(mended)["after"] == ("success", 1)
