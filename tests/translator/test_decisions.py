"""all_success below skipped and failed tasks: who came first is told by the levels of the graph."""

from __future__ import annotations

import json

import pytest
from ductwork.backends.stepfunctions import machine
from ductwork.compiler import to_json
from ductwork.diagnostics import Diagnostics, Origin
from ductwork.ir import Deployment, Retry, Task, Worker, Workflow
from machine_run import run

ORIGIN = Origin("case.py", 1)
WHERE = Deployment(job_queue="queue", job_definition="definition")


def outcome(ends, upstream, retries):
    """What becomes of ``last``; ``ends`` of each task above it; levels are 1 plus the number of tasks above."""
    tasks = tuple(
        Task(
            task_id=name,
            origin=ORIGIN,
            operator="x.Y",
            work=Worker("it"),
            upstream=upstream.get(name, ()),
            retry=Retry(retries=retries.get(name, 0), delay=0.0, backoff=0.0, max_delay=None),
            deployment=WHERE,
        )
        for name in [*ends, "last"]
    )
    workflow = Workflow(dag_id="dag", origin=ORIGIN, dag_file="case.py", bundle_path="/dags", tasks=tasks)
    document = json.loads(to_json(machine.emit(workflow, Diagnostics())))
    return run(document, {**ends, "last": "success"}).outcomes["last"]


# Chains of tasks that succeed: s1 > s2 > … put what is below them on later levels.
CASES = {
    "the same level": ({"skip": "skipped", "fail": "failed"}, {}, {}, "upstream_failed"),
    "skipped sooner": ({"s1": "success", "skip": "skipped", "fail": "failed"}, {"fail": ("s1",)}, {}, "skipped"),
    "failed sooner": ({"s1": "success", "skip": "skipped", "fail": "failed"}, {"skip": ("s1",)}, {}, "upstream_failed"),
    "a retry takes a level": ({"skip": "skipped", "fail": "failed"}, {}, {"fail": 1}, "skipped"),
    "but not beyond the skipped one's": (
        {"s1": "success", "skip": "skipped", "fail": "failed"},
        {"skip": ("s1",)},
        {"fail": 1},
        "upstream_failed",
    ),
    "two failed, one of them later": (
        {"s1": "success", "skip": "skipped", "fail": "failed", "fail2": "failed"},
        {"fail2": ("s1",)},
        {},
        "upstream_failed",
    ),
    "two skipped, one of them first": (
        {"s1": "success", "s2": "success", "skip": "skipped", "fail": "failed", "skip2": "skipped"},
        {"fail": ("s1",), "s2": ("s1",), "skip2": ("s2",)},
        {},
        "skipped",
    ),
    "the one that comes first succeeds": (
        {"s1": "success", "skip": "success", "fail": "failed"},
        {"fail": ("s1",)},
        {},
        "upstream_failed",
    ),
}


@pytest.mark.parametrize(("ends", "upstream", "retries", "expected"), CASES.values(), ids=CASES)
def test_the_first_that_did_not_succeed_decides(ends, upstream, retries, expected):
    upstream = {**upstream, "last": tuple(name for name in ends if not name.startswith("s") or name.startswith("skip"))}
    assert outcome(ends, upstream, retries) == expected


def test_in_a_region_the_first_decides_however_many_levels_there_are():
    """Elsewhere each level with a skipped task costs a clause, and a machine stops asking after six."""

    def found(levels):
        chain = [f"s{number}" for number in range(levels)]
        skips = [f"skip{number}" for number in range(levels)]
        ends = {**dict.fromkeys(chain, "success"), **dict.fromkeys(skips, "skipped"), "fail": "failed"}
        upstream = {below: (above,) for above, below in zip(chain, chain[1:], strict=False)}
        upstream |= {skip: (above,) for above, skip in zip(chain, skips[1:], strict=False)}
        upstream |= {"fail": (chain[-1],), "last": (*skips, "fail")}
        return outcome(ends, upstream, {})

    assert [found(levels) for levels in (5, 6, 7)] == ["skipped"] * 3
