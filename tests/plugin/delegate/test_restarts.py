"""Which outcomes a mirror task takes over, and which it was cleared for."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, task
from ductwork_airflow.delegate import restarts

FIRST, SECOND = "2026-01-01T00:00:01.000Z", "2026-01-01T00:00:02.000Z"


def ended(state="failed", ended_at=FIRST, try_number=1, mark=None, **facts):
    item = {"state": state, "ended_at": ended_at, "try_number": try_number, **facts}
    return item | ({"mirrored": {"ended_at": mark[0], "max_tries": mark[1]}} if mark else {})


@pytest.mark.parametrize(
    ("item", "max_tries", "wanted"),
    [
        (ended(), 3, False),  # news
        (ended(mark=(FIRST, 3)), 3, False),  # the process was lost after it had taken the outcome over
        (ended(mark=(FIRST, 3)), 4, True),  # cleared since
        (ended(ended_at=SECOND, mark=(FIRST, 3)), 4, False),  # restarted already; this is the new outcome
        (ended("success", mark=(FIRST, 3)), 4, True),  # somebody wants a successful task to run again
        (ended("skipped", mark=(FIRST, 3)), 4, True),  # it skipped itself
        (ended("skipped", try_number=0, mark=(FIRST, 3)), 4, False),  # a branch passed it over, and would again
        (ended("skipped", try_number=0, mark=(FIRST, 3), stopped=True), 4, True),  # the run was stopped before it
    ],
)
def test_an_outcome_is_unwanted_once_it_was_taken_over_and_cleared(item, max_tries, wanted):
    assert restarts.wanted(item, max_tries) is wanted


class TaskInstance:
    """Airflow's answer to a task that asks for the states of its run."""

    dag_id, run_id = "cleared", "r"

    def __init__(self, states):
        self.states = states

    def get_task_states(self, dag_id, run_ids):
        return {self.run_id: self.states}


def test_what_was_cleared_together_is_restarted_together():
    with DAG("cleared") as dag:

        @task
        def work():
            return None

        names = ("top", "mine", "below", "beside", "lagging", "kept")
        top, mine, below, beside, lagging, kept = (work.override(task_id=name)() for name in names)
        top >> [mine, beside, lagging, kept]
        mine >> below
    items = {
        "top": ended("success", mark=(FIRST, 3)),
        "mine": ended(mark=(FIRST, 3)),
        "below": ended("upstream_failed", try_number=0),
        "beside": ended(mark=(FIRST, 3)),
        "lagging": ended("success"),
        "kept": ended(mark=(FIRST, 3)),
    }
    # Cleared are mine, below and beside; of lagging Airflow has merely not heard yet.
    states = {
        "top": "success",
        "mine": "running",
        "below": None,
        "beside": None,
        "lagging": "deferred",
        "kept": "failed",
    }
    assert restarts.cleared_together(TaskInstance(states), items, dag.get_task("mine")) == {"mine", "below", "beside"}
