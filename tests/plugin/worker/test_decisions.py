"""What a worker decides before it runs anything, as tables."""

from __future__ import annotations

from typing import Any

import pytest
from ductwork_airflow import worker
from ductwork_airflow.ledger import LedgerError
from ductwork_airflow.trigger_rules import evaluator
from ductwork_airflow.trigger_rules.records import ItemRecords
from ductwork_airflow.worker.environment import InvalidEnvironment, WorkerEnvironment
from ductwork_airflow.worker.try_number import next_try

NEEDED = {
    "DUCTWORK_DAG_ID": "d",
    "DUCTWORK_RUN_ID": "r",
    "DUCTWORK_TASK_ID": "t",
    "DUCTWORK_LEDGER_TABLE": "table",
}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"DUCTWORK_TASK_ID": ""}, "DUCTWORK_TASK_ID not set"),
        ({"DUCTWORK_TASK_ID": "", "DUCTWORK_LEDGER_TABLE": ""}, "DUCTWORK_TASK_ID, DUCTWORK_LEDGER_TABLE not set"),
        ({"DUCTWORK_MAP_INDEX": "two"}, "DUCTWORK_MAP_INDEX must be an integer, not 'two'"),
        ({"DUCTWORK_MAP_INDEX": "array"}, "AWS_BATCH_JOB_ARRAY_INDEX is not set"),
        ({"AWS_BATCH_JOB_ATTEMPT": "x"}, "AWS_BATCH_JOB_ATTEMPT must be an integer, not 'x'"),
        ({"DUCTWORK_KILL_GRACE": "x"}, "DUCTWORK_KILL_GRACE must be a number of seconds, not 'x'"),
        ({"DUCTWORK_CALLBACK": "dag"}, "DUCTWORK_CALLBACK must be 'task', 'record', 'run' or 'settle', not 'dag'"),
        (
            {"DUCTWORK_MAP_INDEX": "array", "AWS_BATCH_JOB_ARRAY_INDEX": "0", "DUCTWORK_MAP_OFFSET": "x"},
            "DUCTWORK_MAP_OFFSET must be an integer, not 'x'",
        ),
        ({"DUCTWORK_MAP_SIZE": "x"}, "DUCTWORK_MAP_SIZE must be an integer, not 'x'"),
        ({"DUCTWORK_MAP_SIZE": "0"}, "DUCTWORK_MAP_SIZE must be at least 1, not 0"),
        ({"DUCTWORK_CALLBACK": "task", "DUCTWORK_TASK_ID": ""}, "DUCTWORK_TASK_ID not set"),
        ({"DUCTWORK_CALLBACK": "run", "DUCTWORK_TASK_ID": "", "DUCTWORK_RUN_ID": ""}, "DUCTWORK_RUN_ID not set"),
    ],
)
def test_a_bad_environment_is_one_line_and_exit_2(
    variables: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert worker.main({**NEEDED, **variables}) == worker.EXIT_USAGE
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    with pytest.raises(InvalidEnvironment):
        WorkerEnvironment.parse({**NEEDED, **variables})


@pytest.mark.parametrize(
    ("variables", "index"),
    [
        ({}, -1),
        ({"DUCTWORK_MAP_INDEX": "-1"}, -1),
        ({"DUCTWORK_MAP_INDEX": "4", "AWS_BATCH_JOB_ARRAY_INDEX": "7"}, 4),
        ({"DUCTWORK_MAP_INDEX": "array", "AWS_BATCH_JOB_ARRAY_INDEX": "7"}, 7),
        # The third of several arrays.
        ({"DUCTWORK_MAP_INDEX": "array", "AWS_BATCH_JOB_ARRAY_INDEX": "7", "DUCTWORK_MAP_OFFSET": "20000"}, 20007),
        ({"DUCTWORK_MAP_INDEX": "20000", "DUCTWORK_MAP_OFFSET": "20000"}, 20000),
    ],
)
def test_map_index(variables: dict[str, str], index: int) -> None:
    assert WorkerEnvironment.parse({**NEEDED, **variables}).map_index == index


ARRAY = {"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ARRAY_SIZE": "9"}


@pytest.mark.parametrize(
    ("variables", "size"),
    [
        ({}, None),
        ({"DUCTWORK_MAP_SIZE": "3"}, 3),
        ({**ARRAY, "DUCTWORK_MAP_INDEX": "array"}, 9),
        ({**ARRAY, "DUCTWORK_MAP_INDEX": "array", "DUCTWORK_MAP_SIZE": "12"}, 12),
        (ARRAY, None),
    ],
)
def test_map_size(variables: dict[str, str], size: int | None) -> None:
    assert WorkerEnvironment.parse({**NEEDED, **variables}).map_size == size


@pytest.mark.parametrize(
    ("variables", "callback", "task_id"),
    [
        ({}, None, "t"),
        ({"DUCTWORK_CALLBACK": ""}, None, "t"),
        ({"DUCTWORK_CALLBACK": "task"}, "task", "t"),
        ({"DUCTWORK_CALLBACK": "run", "DUCTWORK_TASK_ID": ""}, "run", ""),
    ],
)
def test_callback(variables: dict[str, str], callback: str | None, task_id: str) -> None:
    parsed = WorkerEnvironment.parse({**NEEDED, **variables})
    assert (parsed.callback, parsed.task_id) == (callback, task_id)
    without = {name: value for name, value in NEEDED.items() if name != "DUCTWORK_TASK_ID"}
    assert WorkerEnvironment.parse({**without, "DUCTWORK_CALLBACK": "run"}).task_id == ""


@pytest.mark.parametrize(
    ("item", "number"),
    [
        ({}, 1),
        ({"state": "queued", "try_number": 0}, 1),
        ({"state": "queued", "try_number": 3}, 3),
        ({"state": "up_for_retry", "try_number": 1, "job_id": "job", "job_attempt": 1}, 2),
        ({"state": "up_for_reschedule", "try_number": 2, "job_id": "other"}, 2),
        ({"state": "running", "try_number": 1, "job_id": "other", "job_attempt": 1}, 2),
        ({"state": "running", "try_number": 1, "job_id": "job", "job_attempt": 2}, 2),
        ({"state": "deferred", "try_number": 2, "job_id": "other", "job_attempt": 1}, 3),
        ({"state": "running", "try_number": 1, "job_id": "job", "job_attempt": 1}, 1),
        ({"state": "success", "try_number": 1}, None),
        ({"state": "failed", "try_number": 2}, None),
        ({"state": "skipped", "try_number": 0}, None),
        ({"state": "upstream_failed", "try_number": 0}, None),
    ],
)
def test_next_try(item: dict[str, Any], number: int | None) -> None:
    assert next_try(item, "job", 1) == number


def instance(task_id: str, state: str, **more: Any) -> dict[str, Any]:
    return {"task_id": task_id, "map_index": -1, "state": state, **more}


FACTS = {
    "t": {"upstream": ["a", "b"], "job": "t", "skippers": ["a"]},
    "a": {"job": "a"},
    "b": {"job": "b"},
    "after_empty": {"upstream": ["empty"], "job": "after_empty"},
    "empty": {"upstream": ["a"], "skippers": ["a"]},
    "native": {"job": "n", "native": True},
    "below_native": {"upstream": ["a", "native"], "job": "below"},
    "root": {},
}


@pytest.mark.parametrize(
    ("task_id", "items", "verdict"),
    [
        ("root", [], "run"),
        ("t", [instance("a", "success"), instance("b", "success")], "run"),
        ("below_native", [instance("a", "success")], "run"),
        ("below_native", [instance("a", "success"), instance("native", "running")], "run"),
        ("t", [instance("a", "success"), instance("b", "failed")], "upstream_failed"),
        ("t", [instance("a", "skipped"), instance("b", "upstream_failed")], "upstream_failed"),
        ("t", [instance("a", "skipped"), instance("b", "success")], "skipped"),
        ("t", [instance("a", "removed"), instance("b", "success")], "run"),
        ("t", [instance("a", "removed"), instance("b", "skipped")], "skipped"),
        ("t", [instance("a", "success", skipped=["t"]), instance("b", "failed")], "skipped"),
        ("t", [instance("a", "success", skipped=["x"]), instance("b", "success")], "run"),
        ("after_empty", [instance("a", "success")], "run"),
        ("after_empty", [instance("a", "skipped")], "skipped"),
        ("after_empty", [instance("a", "success", skipped=["empty"])], "skipped"),
        ("after_empty", [instance("a", "success"), instance("empty", "scheduled")], "run"),
        ("after_empty", [instance("a", "failed"), instance("empty", "scheduled")], "upstream_failed"),
        ("after_empty", [instance("a", "failed"), instance("empty", "success")], "run"),
    ],
)
def test_evaluator(task_id: str, items: list[dict[str, Any]], verdict: str) -> None:
    assert evaluator.Evaluator(FACTS, ItemRecords(items)).verdict(task_id) == verdict


def test_the_gate_does_not_guess() -> None:
    with pytest.raises(LedgerError, match="upstream task 'a' is 'running'"):
        evaluator.Evaluator(FACTS, ItemRecords([instance("a", "running")])).verdict("t")
    with pytest.raises(LedgerError, match="upstream task 'b' is 'not' in the ledger"):
        evaluator.Evaluator(FACTS, ItemRecords([instance("a", "success")])).verdict("t")
