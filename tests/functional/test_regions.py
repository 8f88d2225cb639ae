"""A region of a machine with real workers: what a container leaves that dies, a skip, and restarts."""

import json
from pathlib import Path

from compiling import compile_files, only_artefact

DAG = Path(__file__).parent / "dags" / "region.py"


def tasks(result):
    return {task["task_id"]: (task["state"], task["try_number"]) for task in result.json["tasks"]}


def test_what_did_not_succeed_is_settled_and_a_restart_goes_on_behind_it(ductwork, tmp_path):
    assert "Settle first" in json.loads(only_artefact(compile_files(DAG)).text())["States"]
    notes, gate = tmp_path / "notes", tmp_path / "gate"
    conf = json.dumps({"notes": str(notes), "gate": str(gate)})
    failed = ductwork("run", DAG, "--local", "--json", "--run-id", "r", "--conf", conf)
    ended = {
        "first": ("success", 1),
        "dies": ("failed", 2),
        "below_dead": ("upstream_failed", 0),
        "skips": ("skipped", 1),
        "below_skipped": ("skipped", 0),
    }
    assert (failed.code, tasks(failed)) == (1, ended), failed.err
    assert notes.read_text().splitlines() == ["retry of dies", "failure of dies"]
    gate.touch()
    mended = ductwork("restart", "region", "r", "--local", "--json")
    ended |= {"dies": ("success", 3), "below_dead": ("success", 1)}
    assert (mended.code, tasks(mended)) == (0, ended), mended.err
    again = ductwork("restart", "region", "r", "--local", "--json", "--task", "first", "--only")
    assert (again.code, tasks(again)) == (0, ended | {"first": ("success", 2)}), again.err
