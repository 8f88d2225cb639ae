"""Callbacks that no task's own process can run, and the end of a run that takes too long, through the machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

DAGS = Path(__file__).parent / "dags" / "callbacks.py"


def run(ductwork, dag_id, notes, *how):
    conf = json.dumps({"notes": str(notes)})
    return ductwork("run", DAGS, "--dag-id", dag_id, "--local", "--json", "--conf", conf, *how, DUCTWORK_KILL_GRACE="1")


def states(result):
    return {task["task_id"]: (task["state"], task["try_number"]) for task in result.json["tasks"]}


@pytest.mark.parametrize(
    ("dag_id", "code", "ended", "noted"),
    [
        ("succeeds", 0, {"fine": ("success", 1)}, ["run's success of fine"]),
        ("fails", 1, {"raises": ("failed", 1)}, ["run's failure of raises"]),
        ("loses_a_container", 1, {"dies": ("failed", 2)}, ["retry of dies", "failure of dies"]),
    ],
)
def test_callbacks_of_runs_and_of_tasks_whose_container_dies(ductwork, tmp_path, dag_id, code, ended, noted):
    notes = tmp_path / "notes"
    done = run(ductwork, dag_id, notes)
    assert (done.code, states(done)) == (code, ended), done.err
    assert notes.read_text().splitlines() == noted


@pytest.mark.parametrize(
    "how",
    [("--target", "batch"), pytest.param(("--engine", "batch"), marks=pytest.mark.long)],
    ids=["chain", "machine"],
)
def test_callbacks_of_tasks_whose_container_dies_in_a_chain(ductwork, tmp_path, how):
    """Nothing below it needs to hear of its end, but its callback does."""
    notes = tmp_path / "notes"
    done = run(ductwork, "loses_a_container", notes, *how)
    assert (done.code, states(done)) == (1, {"dies": ("failed", 2)}), done.err
    assert notes.read_text().splitlines() == ["retry of dies", "failure of dies"]


def test_a_run_that_outlives_its_dagrun_timeout(ductwork, tmp_path):
    """What was decided stays, what runs is skipped, and the run fails, as Airflow's scheduler does it."""
    done = run(ductwork, "overdue", tmp_path / "notes")
    assert (done.code, done.json["state"]) == (1, "failed"), done.err
    assert states(done) == {
        "fine": ("success", 1),
        "raises": ("failed", 1),
        "sleeps": ("skipped", 1),
        "below": ("upstream_failed", 0),
        "below_sleeps": ("skipped", 0),
    }
