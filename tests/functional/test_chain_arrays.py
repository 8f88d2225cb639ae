"""Array jobs in a job chain, with real workers in real processes: deaths, and restarts of single instances."""

import json
from pathlib import Path

DAG_FILE = Path(__file__).parent / "dags" / "chain_arrays.py"
BATCH = ("--local", "--json", "--target", "batch")


def instances(done):
    """``{task: {index: (state, try number)}}``"""
    found = {}
    for each in done.json["tasks"]:
        found.setdefault(each["task_id"], {})[each["map_index"]] = (each["state"], each["try_number"])
    return {task: dict(sorted(of_task.items())) for task, of_task in found.items()}


def test_instances_that_die_without_a_word(ductwork):
    """Each ends as in Airflow, and what is below it goes on by the rules; the others do not notice."""
    done = ductwork("run", DAG_FILE, "--dag-id", "dying_instances", *BATCH)
    good, failed, none, skipped = ("success", 1), ("failed", 1), ("upstream_failed", 0), ("skipped", 0)
    assert instances(done) == {
        "each.dies_at_one": {0: good, 1: failed, 2: good},
        "each.strict": {0: good, 1: none, 2: good},
        "each.alarm": {0: skipped, 1: good, 2: skipped},
        "end": {-1: good},
        "plain.dies": {0: good, 1: failed, 2: good},
        "plain.below": {0: good, 1: none, 2: good},
        "dies_once": {0: good, 1: ("success", 2)},
    }
    assert (done.code, done.json["state"]) == (1, "failed")
    assert done.err.count("DW513") == 2
    logs = [log.read_text() for log in (ductwork.home / "ductwork" / "logs").glob("*dies_at_one*.log")]
    assert sum("called back for 1" in log for log in logs) == 1


def test_a_restart_runs_the_instances_that_failed(ductwork, tmp_path):
    conf = json.dumps({"folder": str(tmp_path)})
    run = ("run", DAG_FILE, "--dag-id", "restarted_instances", "--run-id", "r", "--conf", conf)
    first = ductwork(*run, *BATCH)
    good, failed, none = ("success", 1), ("failed", 1), ("upstream_failed", 0)
    assert instances(first) == {
        "each.flaky": {0: good, 1: failed, 2: good},
        "each.after": {0: good, 1: none, 2: good},
        "total": {-1: none},
        "flaky": {0: failed},
        "of_one": {-1: none},
    }
    (tmp_path / "gate").touch()
    again = ductwork("restart", "restarted_instances", "r", "--local", "--json")
    assert (again.code, again.json["state"]) == (0, "success"), again.err
    assert instances(again) == {
        "each.flaky": {0: good, 1: ("success", 2), 2: good},
        "each.after": {0: good, 1: good, 2: good},
        "total": {-1: good},
        "flaky": {0: ("success", 2)},
        "of_one": {-1: good},
    }
    values = {each["task_id"]: each.get("return_value") for each in again.json["tasks"]}
    assert (values["total"], values["of_one"]) == (6, 2)
    assert {path.name: len(path.read_text()) for path in tmp_path.glob("ran-*")} == {"ran-1": 1, "ran-2": 4, "ran-3": 1}
    # The tasks named and all below, whatever their instances' ends; within the group still one by one.
    named = ductwork("restart", "restarted_instances", "r", "--task", "each.flaky", "--local", "--json")
    assert instances(named)["each.flaky"] == {0: ("success", 2), 1: ("success", 3), 2: ("success", 2)}
    assert instances(named)["each.after"] == dict.fromkeys(range(3), ("success", 2))
    assert instances(named)["total"] == {-1: ("success", 2)}
    assert instances(named)["flaky"] == {0: ("success", 2)}
