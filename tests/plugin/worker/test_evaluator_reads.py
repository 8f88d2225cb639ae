"""What the trigger rule evaluator of a job chain reads of the ledger: a few requests, however large the run is."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from ductwork_airflow.ledger import Item, Ledger, LedgerError
from ductwork_airflow.trigger_rules.evaluator import Evaluator
from ductwork_airflow.trigger_rules.reads import evaluator
from ductwork_airflow.trigger_rules.records import ItemRecords
from harness import dynamodb

Ends = Mapping[str, Mapping[int, str]]


class Case:
    """A run in a ledger that counts the requests and the items read."""

    def __init__(self, endpoint: str) -> None:
        client = dynamodb(endpoint)
        self.ledger = Ledger(f"ledger-{uuid.uuid4().hex[:8]}", client)
        self.ledger.create_table()
        self.calls: Counter[str] = Counter()
        self.items = 0
        client.meta.events.register("after-call.dynamodb.*", self._count)

    def _count(self, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
        self.calls[model.name] += 1
        self.items += len(parsed.get("Items", ())) + sum(map(len, parsed.get("Responses", {}).values()))

    def run(self, facts: Mapping[str, Any], ends: Ends) -> Item:
        names = (f"dag_{uuid.uuid4().hex[:8]}", "r")
        for task_id, instances in ends.items():
            for index, state in instances.items():
                self.ledger.record_task(*names, task_id, state, 1, map_index=index)
        self.calls.clear()
        self.items = 0
        return {"dag_id": names[0], "run_id": names[1], "tasks": facts}


@pytest.fixture(scope="module", params=["dynamodb_endpoint", "dynalite_endpoint"], ids=["moto", "dynalite"])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.getfixturevalue(request.param))


def known(ends: Ends) -> ItemRecords:
    items = ((task, index, state) for task, instances in ends.items() for index, state in instances.items())
    return ItemRecords({"task_id": task, "map_index": index, "state": state} for task, index, state in items)


ENDS: Ends = {
    "g.a": {0: "success", 1: "failed", 2: "skipped", 3: "success"},
    "g.b": {0: "success", 1: "upstream_failed", 2: "skipped", 3: "failed"},
    "m": {0: "success", 1: "success"},
    "u": {-1: "success"},
}
GROUP = {"group": "g", "size": 4}
FACTS: dict[str, dict[str, Any]] = {
    "g.a": {"job": "g.a", **GROUP},
    "g.b": {"job": "g.b", "upstream": ["g.a"], **GROUP},
    "g.empty": {"upstream": ["g.a"], **GROUP},
    "g.one": {"upstream": ["g.a", "u"], "rule": "one_failed", **GROUP},
    "g.below": {"job": "g.below", "upstream": ["g.empty", "g.b"], "rule": "all_done_min_one_success", **GROUP},
    "g.mixed": {"job": "g.mixed", "upstream": ["g.one", "m"], **GROUP},
    "m": {"job": "m", "size": 2},
    "void": {"size": 0, "upstream": ["u"]},
    "u": {"job": "u"},
    "all": {"job": "all", "upstream": ["g.empty", "m"], "rule": "none_failed"},
    "some": {"job": "some", "upstream": ["g.one"], "rule": "one_success"},
    "good": {"job": "good", "upstream": ["m", "u"]},
    "bad": {"job": "bad", "upstream": ["g.b", "m"], "rule": "all_failed"},
    "far": {"job": "far", "upstream": ["void"]},
    "anyway": {"job": "anyway", "upstream": ["void"], "rule": "all_done"},
}
VERDICTS = {
    "g.b": ["run", "upstream_failed", "skipped", "run"],
    "g.below": ["run", "upstream_failed", "skipped", "run"],
    "g.mixed": ["skipped", "run", "skipped", "skipped"],
    "void": ["skipped"],
    "all": ["upstream_failed"],
    "some": ["run"],
    "good": ["run"],
    "bad": ["skipped"],
    "far": ["skipped"],
    "anyway": ["run"],
}


@pytest.mark.parametrize("task_id", VERDICTS)
def test_an_instance_looks_at_its_own_and_others_at_all(case: Case, task_id: str) -> None:
    """What the ledger is asked gives the same as all of the run, read at once."""
    run = case.run(FACTS, ENDS)
    indexes = range(4) if task_id.startswith("g.") else (-1,)
    found = [evaluator(case.ledger, run, task_id, index).verdict(task_id, index) for index in indexes]
    assert found == [Evaluator(FACTS, known(ENDS)).verdict(task_id, index) for index in indexes] == VERDICTS[task_id]


def test_the_cost_does_not_depend_on_the_size_of_the_run(case: Case) -> None:
    size = 40
    facts: dict[str, dict[str, Any]] = {
        **{f"t{number}": {"job": f"t{number}", "upstream": [f"t{number - 1}"]} for number in range(1, size)},
        "t0": {"job": "t0"},
        "a": {"job": "a", "size": size, "group": "g"},
        "b": {"job": "b", "size": size, "group": "g", "upstream": ["a", "t0"]},
        "end": {"job": "end", "upstream": ["b"]},
    }
    ends = {f"t{number}": {-1: "success"} for number in range(size)}
    ends |= {task: dict.fromkeys(range(size), "success") for task in ("a", "b")}
    run = case.run(facts, ends)

    def cost(task_id: str, index: int = -1) -> tuple[int, int]:
        """Requests and items."""
        case.calls.clear()
        case.items = 0
        assert evaluator(case.ledger, run, task_id, index).verdict(task_id, index) == "run"
        return case.calls.total(), case.items

    assert cost("t39") == (1, 1)
    assert cost("b", 17) == (1, 2)
    # A question for each end that there may be, and one marker.
    assert cost("end") == (5, 1)


def test_more_upstream_tasks_than_a_request_may_name(case: Case) -> None:
    ups = [f"u{number}" for number in range(150)]
    facts = {**{up: {"job": up} for up in ups}, "t": {"job": "t", "upstream": ups}}
    run = case.run(facts, {up: {-1: "skipped" if up == "u149" else "success"} for up in ups})
    assert evaluator(case.ledger, run, "t", -1).verdict("t") == "skipped"
    assert case.calls == {"BatchGetItem": 2}


def test_marks_of_branches(case: Case) -> None:
    facts = {
        "pick": {"job": "pick"},
        "m": {"job": "m", "size": 2, "upstream": ["pick"], "skippers": ["pick"]},
        "far": {"job": "far", "size": 2, "upstream": ["m"], "rule": "all_done"},
    }
    run = case.run(facts, {"pick": {-1: "success"}, "m": {0: "skipped", 1: "skipped"}})
    case.ledger.update(f"run#{run['dag_id']}#r", "task#pick#-1", {"skipped": ["m", "far"]})
    assert [evaluator(case.ledger, run, "m", index).verdict("m", index) for index in (0, 1)] == ["skipped"] * 2
    assert evaluator(case.ledger, run, "far", 0).verdict("far", 0) == "run"


@pytest.mark.parametrize(("task_id", "index"), [("all", -1), ("g.b", 1), ("good", -1)])
def test_who_has_not_ended_is_no_success(case: Case, task_id: str, index: int) -> None:
    run = case.run(FACTS, {"g.a": {1: "running"}, "u": {-1: "success"}})
    with pytest.raises(LedgerError, match=r"g\.a|'m'"):
        evaluator(case.ledger, run, task_id, index).verdict(task_id, index)
