"""What tasks that skip others, or themselves, leave in the ledger and tell Step Functions."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
from ductwork.contracts.worker_variables import SKIP_FAILS_VARIABLE
from harness import MakeWorkers, Worked, Workers

# What each task skips, in the order in which Airflow names it.
BRANCHES = {
    "outer.inner.choose": {"outer.inner.right"},
    "to_group": {"a", "b", "join", "unprefixed"},
    "by_function": {"not_second"},
    "past_the_join": {"off"},
    "nowhere": {"n1", "n2"},
    "empty_list": {"l1", "l2"},
    "cut": {"direct", "below"},
    "cut_rules": {"direct2"},
    "cut_not": set(),
    "cut_teardown": {"torn"},
    "latest": {"only_latest", "only_latest2"},
}
SKIPPED = ("raises_skip", "exit_99", "exit_42")


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory, make_workers: MakeWorkers) -> Workers:
    folder = tmp_path_factory.mktemp("dags")
    shutil.copy(Path(__file__).parent / "skip_dags.py", folder / "dag.py")
    return make_workers(folder, "skips", f"run-{uuid.uuid4().hex[:6]}")


@pytest.fixture(scope="module")
def worked(workers: Workers) -> dict[str, Worked]:
    workers.start_run(
        run_type="scheduled", data_interval_end="2026-03-02T00:00:00+00:00", tasks={"nowhere": {"max_tries": 1}}
    )
    tasks = [*BRANCHES, *SKIPPED, "exit_1", "unknown"]
    return workers.run_all({task_id: f"{workers.run_id}-{task_id}" for task_id in tasks})


def output(worked: Worked) -> dict[str, Any]:
    [(operation, report)] = worked.reports
    assert operation == "SendTaskSuccess", (report, worked.output)
    found: dict[str, Any] = report["output"]
    return found


@pytest.mark.parametrize("task_id", BRANCHES)
def test_a_decision_reaches_ledger_and_machine(worked: dict[str, Worked], task_id: str) -> None:
    ended, expected = worked[task_id], BRANCHES[task_id]
    told = output(ended)
    assert (told["state"], set(told.get("skip", ()))) == ("success", expected), ended.output
    assert ("skip" in told) == bool(expected)
    assert ended.item.get("skipped", []) == told.get("skip", [])
    assert ended.item["state"] == "success"


@pytest.mark.parametrize("task_id", SKIPPED)
def test_a_task_that_skips_itself(worked: dict[str, Worked], task_id: str) -> None:
    assert output(worked[task_id]) == {"state": "skipped"}
    assert (worked[task_id].item["state"], worked[task_id].item["outcome"]) == ("skipped", "skipped")


def test_a_machine_that_goes_on_past_a_choice_is_told_of_a_skip_by_an_error(
    worked: dict[str, Worked], workers: Workers
) -> None:
    assert worked["raises_skip"].item["state"] == "skipped"
    token = f"{workers.run_id}-told-by-an-error"
    [(operation, report)] = workers.run("raises_skip", token=token, **{SKIP_FAILS_VARIABLE: "1"}).reports
    assert (operation, report["error"]) == ("SendTaskFailure", "Ductwork.Skipped")
    token = f"{workers.run_id}-told-as-ever"
    told = output(workers.run("nowhere", token=token, **{SKIP_FAILS_VARIABLE: "1"}))
    assert (told["state"], set(told["skip"])) == ("success", {"n1", "n2"})


@pytest.mark.parametrize(("task_id", "cause"), [("exit_1", "exit code 1"), ("unknown", "no_such_task")])
def test_what_is_no_skip(worked: dict[str, Worked], task_id: str, cause: str) -> None:
    [(operation, report)] = worked[task_id].reports
    assert (operation, report["error"]) == ("SendTaskFailure", "Ductwork.Failed")
    assert cause in report["cause"]
    assert "skipped" not in worked[task_id].item


def test_a_report_is_repeated_with_its_decision(worked: dict[str, Worked], workers: Workers) -> None:
    again = workers.run("cut", token=f"{workers.run_id}-again")
    assert output(again) == output(worked["cut"])
    assert again.item == worked["cut"].item


def test_a_retry_decides_anew(workers: Workers) -> None:
    """The worker died between its decision and its end."""
    run_id = f"{workers.run_id}-anew"
    other = Workers(workers.ledger, workers.step_functions, workers.environment, workers.dag_id, run_id)
    other.start_run()
    left = {"job_id": "dead", "job_attempt": 1, "skipped": ["outer.inner.left", "outer.beside"]}
    assert other.ledger.record_task(other.dag_id, run_id, "outer.inner.choose", "running", 1, **left)
    ended = other.run("outer.inner.choose", token=run_id)
    assert output(ended) == {"state": "success", "skip": ["outer.inner.right"]}
    assert (ended.item["skipped"], ended.item["try_number"]) == (["outer.inner.right"], 2)


def test_latest_only_lets_a_manual_run_go_on(workers: Workers) -> None:
    run_id = f"{workers.run_id}-manual"
    other = Workers(workers.ledger, workers.step_functions, workers.environment, workers.dag_id, run_id)
    other.start_run(run_type="manual")
    assert output(other.run("latest", token=run_id)) == {"state": "success"}
