"""Which outcomes a mirror task takes over, and which it was cleared for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, task, task_group
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

    def __init__(self, states, map_index=-1):
        self.states = states
        self.map_index = map_index

    def get_task_states(self, dag_id, run_ids):
        return {self.run_id: self.states}


@task
def work(x=None):
    return None


def test_what_was_cleared_together_is_restarted_together():
    with DAG("cleared") as dag:
        names = ("top", "mine", "below", "beside", "lagging", "kept")
        top, mine, below, beside, lagging, kept = (work.override(task_id=name)() for name in names)
        top >> [mine, beside, lagging, kept]
        mine >> below
    items = {
        ("top", -1): ended("success", mark=(FIRST, 3)),
        ("mine", -1): ended(mark=(FIRST, 3)),
        ("below", -1): ended("upstream_failed", try_number=0),
        ("beside", -1): ended(mark=(FIRST, 3)),
        ("lagging", -1): ended("success"),
        ("kept", -1): ended(mark=(FIRST, 3)),
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
    found = restarts.cleared_together(TaskInstance(states), items, dag.get_task("mine"))
    assert found == {("mine", -1), ("below", -1), ("beside", -1)}
    assert restarts.by_task(found, items) == (["below", "beside", "mine"], {})


def test_what_failed_below_a_mark_is_restarted_with_it():
    """A user marks `mine` success; Airflow clears what had failed below it, which no mirror task had taken over."""
    with DAG("cleared") as dag:
        mine, left, right, beside = (work.override(task_id=name)() for name in ("mine", "left", "right", "beside"))
        mine >> [left, right]
    items = {
        ("mine", -1): ended(mark=(FIRST, 3)),
        ("left", -1): ended("upstream_failed", try_number=0),
        ("right", -1): ended("upstream_failed", try_number=0),
        ("beside", -1): ended(mark=(FIRST, 3)),
    }
    ti = TaskInstance({"mine": "success", "left": "running", "right": None, "beside": "failed"})
    marked = restarts.marked_since(ti, items)
    assert marked == {("mine", -1)}
    found = restarts.cleared_together(ti, items, dag.get_task("left"), marked)
    assert found == {("left", -1), ("right", -1)}


@pytest.mark.parametrize(
    ("states", "above", "expected"),
    [
        ({"mine": "success"}, ended(mark=(FIRST, 3)), True),
        ({"mine": "failed"}, ended(mark=(FIRST, 3)), False),  # the run was stopped, and the rule is all_done
        ({"mine": "success"}, ended("success", mark=(FIRST, 3)), False),  # whatever else it was
        ({"mine": "success"}, ended("success", mark=(FIRST, -1)), True),  # marked while the run went on
    ],
)
def test_airflow_contradicts_only_by_a_mark(states, above, expected):
    ti = TaskInstance(states | {"below": "running"})
    ti.task_id = "below"
    remote = SimpleNamespace(tasks=lambda: {("mine", -1): above})
    item, run = ended("upstream_failed", try_number=0), {"tasks": {"below": {"upstream": ["mine"]}}}
    assert restarts.contradicted(remote, ti, item, run) is expected


def mapped():
    with DAG("cleared") as dag:
        each = work.override(task_id="each").expand(x=[0, 1, 2])

        @task_group
        def group(x):
            work.override(task_id="first")(x) >> work.override(task_id="second")()

        grouped = group.expand(x=[0, 1])
        each >> grouped >> work.override(task_id="last")()
    return dag


TAKEN = {
    **{("each", index): ended(mark=(FIRST, 3)) for index in range(3)},
    **{("group.first", index): ended("success", mark=(FIRST, 3)) for index in range(2)},
    **{("group.second", index): ended("success", mark=(FIRST, 3)) for index in range(2)},
    ("last", -1): ended("success", mark=(FIRST, 3)),
}
ALL_ENDED = dict.fromkeys(("group.first_0", "group.first_1", "group.second_0", "group.second_1", "last"), "success")
EACH_ENDED = {f"each_{index}": "failed" for index in range(3)}


@pytest.mark.parametrize(
    ("mine", "cleared", "items", "whole", "instances"),
    [
        # One instance of three, two of three, all of them.
        (("each", 1), {"each_1": "running"}, {}, [], {"each": [1]}),
        (("each", 1), {"each_1": "running", "each_2": None}, {}, [], {"each": [1, 2]}),
        (("each", 1), {"each_0": "queued", "each_1": "running", "each_2": None}, {}, ["each"], {}),
        # With what is downstream, of the whole or of an instance of a group.
        (("each", 1), {"each_1": "running", "last": None}, {}, ["last"], {"each": [1]}),
        (
            ("group.first", 1),
            {"group.first_1": "running", "group.second_1": None, "last": None},
            {},
            ["last"],
            {"group.first": [1], "group.second": [1]},
        ),
        # What Airflow has merely not heard of yet: another instance's end, not below this one.
        (
            ("group.first", 1),
            {"group.first_1": "running", "group.second_0": "deferred", "group.second_1": None},
            {("group.second", 0): ended("success"), ("group.second", 1): ended("upstream_failed", try_number=0)},
            [],
            {"group.first": [1], "group.second": [1]},
        ),
        # Diverted as a whole on AWS, and expanded in Airflow; and the other way round.
        (
            ("last", -1),
            {"last": "running"},
            {("each", index): None for index in range(3)} | {("each", -1): ended("upstream_failed", mark=(FIRST, 3))},
            ["last"],
            {},
        ),
        (
            ("last", -1),
            {"last": "running", "each": "upstream_failed"},
            {},
            ["last"],
            {},
        ),
    ],
)
def test_instances_that_were_cleared(mine, cleared, items, whole, instances):
    states = ALL_ENDED | EACH_ENDED | cleared
    if "each" in cleared:
        states = {name: state for name, state in states.items() if name not in EACH_ENDED}
    known = {key: item for key, item in (TAKEN | items).items() if item is not None}
    task_id, index = mine
    found = restarts.cleared_together(TaskInstance(states, index), known, mapped().get_task(task_id))
    assert restarts.by_task(found, known) == (whole, instances)
