"""Runs that wait for one another: max_active_runs, pools, max_active_tis_per_dag, depends_on_past, wait_for_downstream."""

from __future__ import annotations

from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "support" / "many_runs.py"
DAGS = Path(__file__).parent / "dags" / "limits.py"


@pytest.fixture
def runs(ductwork):
    """``runs(dag_id, count, *options)``: what :mod:`many_runs` prints."""
    return lambda dag_id, count, *options: ductwork.script(
        SCRIPT, DAGS, dag_id, count, *options, AIRFLOW__DUCTWORK__POOLS="narrow=3"
    )


def overlaps(found, *tasks):
    """Whether any two of these tasks' instances, in whatever runs, went on at the same time."""
    times = sorted(
        (run["tasks"][task]["started_at"], run["tasks"][task]["ended_at"]) for run in found.values() for task in tasks
    )
    return any(later[0] < earlier[1] for earlier, later in zip(times, times[1:], strict=False))


@pytest.mark.parametrize(
    ("dag_id", "task"), [("one_run", "work"), ("one_instance", "alone"), ("narrow_pool", "pooled")]
)
def test_one_after_the_other(runs, dag_id, task):
    """Three runs started together; the pool of three slots has room for one task that takes two.

    Of the tasks that wait for slots some are in machines of their own.
    """
    found = runs(dag_id, 3, *(["--cut-odd"] if dag_id != "one_run" else []))
    assert [run["state"] for run in found.values()] == ["success"] * 3
    assert not overlaps(found, task)


def test_a_run_that_was_stopped_holds_nobody_up(runs):
    """It could free nothing itself: the run started after it was stopped takes its slot."""
    found = runs("one_run", 2, "--stop-first")
    assert found["r0"]["state"] == "failed"
    assert (found["r1"]["state"], found["r1"]["error"]) == ("success", None)


@pytest.mark.long
def test_a_failure_holds_up_the_runs_after_it(runs):
    """As in Airflow: the third day's run goes on, and its task never starts, until somebody mends the second day's."""
    found = runs("past", 3, "--deadline", "15")
    assert [run["state"] for run in found.values()] == ["success", "failed", "running"]
    assert [run["tasks"].get("after_past", {}).get("state") for run in found.values()] == ["success", "failed", None]


def test_a_task_waits_for_itself_in_the_run_before(runs):
    """The run before may be of one machine, or of several."""
    found = runs("past_downstream", 3, "--cut-odd")
    assert [run["state"] for run in found.values()] == ["success"] * 3
    for before, after in (("r0", "r1"), ("r1", "r2")):
        assert found[after]["tasks"]["first"]["started_at"] >= found[before]["tasks"]["work"]["ended_at"]


@pytest.mark.long
def test_a_task_that_is_new_in_the_dag_may_have_no_past(runs):
    """With ignore_first_depends_on_past=True; by default it waits for somebody to mend that, as in Airflow."""
    before = DAGS.with_name("limits_before.py")
    found = runs("past_of_new", 2, "--first-file", str(before), "--deadline", "25")
    assert found["r0"]["state"] == "success"
    assert found["r1"]["tasks"]["new"]["state"] == "success"
    assert "strict" not in found["r1"]["tasks"]


@pytest.mark.long
def test_a_mapped_group_waits_for_the_past_as_a_whole(runs):
    """An instance of the second run begins when all of the first have ended; what is told is the last of each run."""
    found = runs("past_grouped", 2)
    assert [run["state"] for run in found.values()] == ["success"] * 2
    assert not overlaps(found, "grouped.inner")
