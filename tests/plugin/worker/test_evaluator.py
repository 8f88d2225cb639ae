"""Every trigger rule in a job chain: the worker's gate decides as the table of rules does, from the ledger alone."""

from __future__ import annotations

from typing import Any

import pytest
from ductwork.contracts.task_facts import above
from ductwork.semantics.trigger_rules import RULES
from ductwork_airflow.trigger_rules.evaluator import Evaluator
from ductwork_airflow.trigger_rules.records import ItemRecords
from ductwork_airflow.worker.report_outcome import EXIT_FAILED, EXIT_OK, EXIT_RETRY, report
from ductwork_airflow.worker.try_result import TryResult


def evaluate(task_id: str, facts: dict[str, Any], items: list[dict[str, Any]]) -> str:
    return Evaluator(facts, ItemRecords(items)).verdict(task_id)


def items(**ends: str) -> list[dict[str, Any]]:
    return [{"task_id": task_id, "map_index": -1, "state": state} for task_id, state in ends.items()]


# For each rule what it says of (a, b): both good, one failed, one skipped, failed and skipped, both skipped.
MIXTURES = (
    ("success", "success"),
    ("success", "failed"),
    ("success", "skipped"),
    ("upstream_failed", "skipped"),
    ("skipped", "skipped"),
)
EXPECTED = {
    "all_success": "run upstream_failed skipped upstream_failed skipped",
    "all_failed": "skipped skipped skipped skipped skipped",
    "all_done": "run run run run run",
    "all_done_min_one_success": "run run skipped skipped skipped",
    "all_skipped": "skipped skipped skipped skipped run",
    "one_failed": "skipped run skipped run skipped",
    "one_success": "run run run upstream_failed skipped",
    "one_done": "run run run skipped skipped",
    "none_failed": "run upstream_failed run upstream_failed run",
    "none_failed_min_one_success": "run upstream_failed run upstream_failed skipped",
    "none_skipped": "run run skipped skipped skipped",
    "always": "run run run run run",
    "all_done_setup_success": "run run run upstream_failed skipped",
}


def test_no_rule_is_left_out() -> None:
    assert EXPECTED.keys() == RULES.keys()


@pytest.mark.parametrize("rule", EXPECTED)
def test_a_rule_over_jobs_and_over_empty_tasks(rule: str) -> None:
    """The same if an empty task of this rule stands in between, which the mirror has not ended yet."""
    setups = {"setup": True} if rule == "all_done_setup_success" else {}
    facts = {
        "a": {"job": "a", **setups},
        "b": {"job": "b", **setups},
        "t": {"job": "t", "upstream": ["a", "b"], "rule": rule},
        "empty": {"upstream": ["a", "b"], "rule": rule},
        "below": {"job": "below", "upstream": ["empty"]},
    }
    found = [evaluate("t", facts, items(a=one, b=other)) for one, other in MIXTURES]
    assert found == EXPECTED[rule].split()
    assert [evaluate("below", facts, items(a=one, b=other)) for one, other in MIXTURES] == found


SETUPS = {
    "make": {"job": "make", "setup": True},
    "work": {"job": "work", "upstream": ["make"]},
    "more": {"job": "more", "upstream": ["work"], "setups": ["make"], "rule": "all_done"},
    "clean": {"job": "clean", "upstream": ["make", "more"], "scope": ["work"], "rule": "all_done_setup_success"},
}


@pytest.mark.parametrize(
    ("task_id", "ends", "verdict"),
    [
        ("more", {"make": "success", "work": "failed"}, "run"),
        ("more", {"make": "failed", "work": "upstream_failed"}, "upstream_failed"),
        ("more", {"make": "skipped", "work": "skipped"}, "skipped"),
        ("clean", {"make": "success", "work": "failed", "more": "failed"}, "run"),
        ("clean", {"make": "failed", "work": "upstream_failed", "more": "success"}, "upstream_failed"),
        ("clean", {"make": "skipped", "work": "success", "more": "success"}, "skipped"),
    ],
)
def test_setups_and_teardowns(task_id: str, ends: dict[str, str], verdict: str) -> None:
    assert evaluate(task_id, SETUPS, items(**ends)) == verdict


def test_what_is_waited_for() -> None:
    assert above(SETUPS["clean"]) == ("make", "more", "work")
    assert above(SETUPS["more"]) == ("work", "make")
    assert above({**SETUPS["more"], "rule": "always"}) == above({}) == ()


def test_a_short_circuit_skips_what_is_far_below_it() -> None:
    facts = {
        "gate": {"job": "gate"},
        "near": {"job": "near", "upstream": ["gate"], "skippers": ["gate"]},
        "far": {"job": "far", "upstream": ["near"], "rule": "all_done", "skippers": ["gate"]},
        "free": {"job": "free", "upstream": ["near"], "rule": "always"},
    }
    ends = items(gate="success", near="skipped")
    ends[0]["skipped"] = ["near", "far", "free"]
    assert [Evaluator(facts, ItemRecords(ends)).verdict(task_id) for task_id in ("near", "far", "free")] == [
        "skipped",
        "skipped",
        "run",
    ]


@pytest.mark.parametrize(
    ("retries", "upstream_of_failed", "verdict"),
    [(0, [], "upstream_failed"), (1, [], "skipped"), (0, ["first"], "skipped"), (1, ["first"], "skipped")],
)
def test_the_first_that_did_not_succeed_decides(retries: int, upstream_of_failed: list[str], verdict: str) -> None:
    """By the levels of the graph, as in a state machine; at the same level failed wins."""
    facts = {
        "first": {"job": "first"},
        "skip": {"job": "skip"},
        "fail": {"job": "fail", "upstream": upstream_of_failed, "max_tries": retries},
        "t": {"job": "t", "upstream": ["skip", "fail"]},
    }
    assert evaluate("t", facts, items(first="success", skip="skipped", fail="failed")) == verdict


@pytest.mark.parametrize(("retries", "verdict"), [(0, "upstream_failed"), (1, "skipped")])
def test_the_first_setup_that_did_not_succeed_decides(retries: int, verdict: str) -> None:
    facts = {
        "skip": {"job": "skip", "setup": True},
        "fail": {"job": "fail", "setup": True, "max_tries": retries},
        "work": {"job": "work", "upstream": ["skip", "fail"], "rule": "all_done"},
        "t": {"job": "t", "upstream": ["work"], "setups": ["skip", "fail"], "rule": "all_done"},
    }
    assert evaluate("t", facts, items(skip="skipped", fail="failed", work="success")) == verdict


@pytest.mark.parametrize(
    ("state", "quiet", "stops", "code"),
    [
        ("failed", True, False, EXIT_OK),
        ("upstream_failed", True, False, EXIT_OK),
        ("up_for_retry", True, False, EXIT_RETRY),
        ("failed", False, False, EXIT_FAILED),
        ("skipped", False, True, EXIT_FAILED),
        ("skipped", True, False, EXIT_OK),
    ],
)
def test_what_the_job_ends_with(state: str, quiet: bool, stops: bool, code: int) -> None:
    assert report(TryResult(state), None, lambda: None, stops=stops, quiet=quiet) == code
