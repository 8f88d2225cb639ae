"""What a restart keeps, marks and runs again, as a table."""

from __future__ import annotations

from typing import Any

import pytest
from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.runs.restart_plan import Plan, Wanted, make

# a >> bad >> low >> end, a >> side, other >> end; "never" has not begun.
FACTS = {
    "a": {},
    "bad": {"upstream": ["a"]},
    "low": {"upstream": ["bad"]},
    "side": {"upstream": ["a"]},
    "other": {},
    "end": {"upstream": ["low", "other"]},
    "never": {},
}
STATES = {
    "a": "success",
    "bad": "failed",
    "low": "upstream_failed",
    "side": "skipped",
    "other": "failed",
    "end": "upstream_failed",
}


def run(target: str = "stepfunctions", facts: Any = None) -> dict[str, Any]:
    return {"run_id": "r", "target": target, "tasks": FACTS if facts is None else facts}


def items(states: dict[str, str]) -> list[dict[str, Any]]:
    return [{"task_id": task_id, "map_index": -1, "state": state} for task_id, state in states.items()]


@pytest.mark.parametrize(
    ("wanted", "again", "done"),
    [
        (Wanted(), "bad end low never other", {"a": "success", "side": "skipped"}),
        (Wanted(tasks=["bad"]), "bad end low never", {"a": "success", "side": "skipped", "other": "failed"}),
        (
            Wanted(tasks=["bad"], only=True),
            "bad never",
            {"a": "success", "side": "skipped", "other": "failed", "low": "upstream_failed", "end": "upstream_failed"},
        ),
        (Wanted(tasks=["bad"], failed=True), "bad end low never other", {"a": "success", "side": "skipped"}),
        (Wanted(tasks=["a"]), "a bad end low never side", {"other": "failed"}),
        (
            Wanted(marks={"bad": "success"}),
            "end low never",
            {"a": "success", "side": "skipped", "other": "failed", "bad": "success"},
        ),
        # What succeeded or was skipped downstream of a marked task stays, as in Airflow.
        (Wanted(marks={"a": "failed"}), "bad end low never", {"a": "failed", "side": "skipped", "other": "failed"}),
        (
            Wanted(marks={"bad": "success", "low": "skipped"}),
            "end never",
            {"a": "success", "side": "skipped", "other": "failed", "bad": "success", "low": "skipped"},
        ),
        (
            Wanted(tasks=["other"], marks={"bad": "skipped"}),
            "end low never other",
            {"a": "success", "side": "skipped", "bad": "skipped"},
        ),
    ],
)
def test_what_runs_again(wanted: Wanted, again: str, done: dict[str, str]) -> None:
    plan = make(run(), items(STATES), 1, wanted)
    assert (" ".join(plan.again), plan.done, plan.marks) == (again, done, wanted.marks)
    assert Plan.of({"restart": plan.text()}) == plan


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted(tasks=["nope"]), "has no task nope; it has a, bad, end, low, never, other, side"),
        (Wanted(marks={"x": "success"}, tasks=["a"]), "has no task x; it has"),
        (Wanted(tasks=["bad"], marks={"bad": "success"}), "bad: a task is either to run again or marked"),
    ],
)
def test_what_is_refused(wanted: Wanted, message: str) -> None:
    with pytest.raises(SubmissionError, match=message):
        make(run(), items(STATES), 1, wanted)


def test_a_task_that_does_nothing() -> None:
    """What is below an EmptyOperator never asks how that ended."""
    empty = run(facts={**FACTS, "side": {"upstream": ["a"], "instant": True}})
    with pytest.raises(SubmissionError, match="side does nothing and can only be marked success, not failed"):
        make(empty, items(STATES), 1, Wanted(marks={"side": "failed"}))
    assert make(empty, items(STATES), 1, Wanted(marks={"side": "success"})).done["side"] == "success"


def test_the_plan_of_a_large_chain_fits_beside_its_tasks() -> None:
    """An item of DynamoDB has 400 KB, and ten thousand tasks of a run take a quarter of them."""
    facts = {f"layer_{n // 100}.a_task_with_a_name_of_some_length_{n}": {"job": f"job_{n}"} for n in range(10_000)}
    ended = items({task_id: "failed" if n % 10 == 0 else "success" for n, task_id in enumerate(facts)})
    plan = make(run("batch", facts), ended, 1, Wanted())
    assert len(plan.text()) < 100_000
    assert Plan.of({"restart": plan.text()}) == plan
    few = make(run(), items(STATES), 1, Wanted())
    assert few.text().startswith("{")
    assert Plan.of({"restart": few.text()}) == few


def test_nothing_to_do() -> None:
    well = items(dict.fromkeys(FACTS, "success"))
    with pytest.raises(SubmissionError, match="ended well"):
        make(run(), well, 1, Wanted())
    assert make(run(), well, 1, Wanted(marks={"end": "failed"})).again == []
    # An execution that broke before it knew its tasks is started anew.
    assert make(run(facts={}), [], 1, Wanted()).again == []


@pytest.mark.parametrize(
    ("states", "stands"),
    [
        (["success", "failed", "skipped"], "failed"),
        (["upstream_failed", "success"], "upstream_failed"),
        (["skipped", "success"], "success"),
        (["skipped", "removed"], "skipped"),
    ],
)
def test_one_outcome_stands_for_all_instances(states: list[str], stands: str) -> None:
    mapped = [{"task_id": "a", "map_index": index, "state": state} for index, state in enumerate(states)]
    plan = make(run(facts={"a": {}, "b": {}}), mapped, 1, Wanted(tasks=["b"]))
    assert plan.done == {"a": stands}


def test_of_a_mapped_task_that_is_kept_all_ends_are_told() -> None:
    """The rules below ask for more than one outcome: whether any succeeded, whether any failed."""
    states = ["success", "failed", "skipped", "removed"]
    mapped = [{"task_id": "a", "map_index": index, "state": state} for index, state in enumerate(states)]
    plan = make(run(facts={"a": {}, "b": {}}), mapped, 1, Wanted(tasks=["b"]), {"a": {"size": 3}})
    assert plan.done == {"a": ["failed", "success", "skipped"]}
    same = [{**item, "state": "success"} for item in mapped]
    assert make(run(facts={"a": {}, "b": {}}), same, 1, Wanted(tasks=["b"]), {"a": {"size": 4}}).done == {
        "a": ["success"]
    }
    # What was never expanded has ended as a whole: it skips what is expanded over it, and instances do not.
    whole = [{"task_id": "a", "map_index": -1, "state": "skipped"}]
    assert make(run(facts={"a": {}, "b": {}}), whole, 1, Wanted(tasks=["b"])).done == {"a": "skipped"}


def test_the_kept_instances_of_native_tasks_are_named() -> None:
    facts = {"n": {"native": True}, "w": {}}
    states = ["success", "failed", "skipped"]
    instances = [
        {"task_id": task, "map_index": index, "state": state} for task in facts for index, state in enumerate(states)
    ]
    mapped = {"n": {"size": 3}, "w": {"size": 3}}
    plan = make(run(facts=facts), instances, 1, Wanted(), mapped)
    assert (plan.done, plan.again) == ({}, ["n", "w"])
    assert plan.kept == {"n[0]": "success", "n[2]": "skipped"}
    one = make(run(facts=facts), instances, 1, Wanted(instances={"n": [0]}, only=True), mapped)
    assert one.kept == {"n[1]": "failed", "n[2]": "skipped"}
    assert make(run(facts=facts), instances, 1, Wanted(tasks=["n"]), mapped).kept == {}
    assert Plan.of({"restart": plan.text()}) == plan


NATIVE = {
    "a": {"job": "a"},
    "n": {"job": "n", "upstream": ["a"], "native": True},
    "m": {"job": "m", "upstream": ["n"], "native": True},
    "w": {"job": "w", "upstream": ["m"]},
}


@pytest.mark.parametrize(("mark", "ends"), [("failed", "upstream_failed"), ("skipped", "skipped"), ("success", None)])
def test_plain_containers_of_a_chain_do_not_run_below_what_did_not_succeed(mark: str, ends: str | None) -> None:
    states = {"a": "failed", "n": "upstream_failed", "m": "upstream_failed", "w": "upstream_failed"}
    plan = make(run("batch", NATIVE), items(states), 1, Wanted(marks={"a": mark}))
    diverted = {} if ends is None else {"n": ends, "m": ends}
    assert plan.marks == {"a": mark, **diverted}
    assert plan.again == (["m", "n", "w"] if ends is None else ["w"])
