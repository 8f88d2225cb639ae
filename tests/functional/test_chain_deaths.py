"""A job chain goes on below a container that died without a word, where a rule says so."""

from pathlib import Path

import pytest

DAG = Path(__file__).parent / "dags" / "chain_deaths.py"


@pytest.mark.parametrize(
    "chain",
    [("--target", "batch"), pytest.param(("--engine", "batch"), marks=pytest.mark.long)],
    ids=["chain", "machine"],
)
def test_what_is_to_run_after_a_failure_runs_after_a_death(ductwork, chain):
    """One attempt more than tries ends the task well for Batch; it is no try."""
    run = ductwork("run", DAG, "--local", "--json", *chain)
    states = {task["task_id"]: (task["state"], task["try_number"]) for task in run.json["tasks"]}
    assert states == {
        "dies": ("failed", 1),
        "alarm": ("success", 1),
        "not_reached": ("upstream_failed", 0),
        "cleanup": ("success", 1),
        "dies_once": ("success", 2),
        "no_alarm": ("skipped", 0),
    }
    # All leaves ended well.
    assert (run.code, run.json["state"]) == (0, "success")
    (line,) = [line for line in run.err.splitlines() if "[chain_deaths.dies]" in line]
    assert "DW513" in line
