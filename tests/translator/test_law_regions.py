"""Laws of regions, whose state data hold only what has not succeeded: whatever becomes of the tasks, they end as the
scheduler would have it."""

from __future__ import annotations

import json

import pytest
from asl_check import problems
from ductwork.backends.stepfunctions import machine
from ductwork.compiler import to_json
from ductwork.contracts.names import state_name
from ductwork.diagnostics import Diagnostics
from ductwork.semantics.first_decided import EndDependencies, SchedulerPasses, is_skipped_first, rule_clauses
from ductwork.semantics.leaf_rule import deciding_tasks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonata_reference import judged
from machine_run import run
from workflows import workflows_of_regions

LAW = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
FAILED = {"failed", "upstream_failed"}


@pytest.fixture(autouse=True, scope="module")
def reference():
    """The reference JSONata judges what the interpreter evaluates."""
    with judged(limit=2000):
        yield


def emitted(workflow):
    return json.loads(to_json(machine.emit(workflow, Diagnostics())))


def expected(workflow, ends, kept):
    """How each task ends, one after another: its rule on what is directly above it, then its own end."""
    tasks, found = workflow.by_id, {}

    def dependencies(name):
        return EndDependencies(tasks[name].trigger_rule, tasks[name].upstream, (), tasks[name].retry.retries)

    passes = SchedulerPasses(dependencies)
    for name, task in tasks.items():
        clauses = rule_clauses(task.trigger_rule, task.upstream, lambda up: False)
        above = {up: {found[up]} for up in task.upstream}
        holding = [each.clause.verdict for each in clauses if each.tasks and each.true_of(above)]
        verdict = "skipped" if is_skipped_first(clauses, above, passes) else next(iter(holding), "run")
        own = "success" if task.work.is_empty else ends[name]
        found[name] = kept.get(name, own if verdict == "run" else verdict)
    return found


def drawn(data, workflow, choices):
    return {task.task_id: data.draw(st.sampled_from(choices)) for task in workflow.tasks}


@LAW
@given(workflows_of_regions())
def test_machines_are_sound(workflow):
    assert [str(problem) for problem in problems(emitted(workflow))] == []


@LAW
@given(workflows_of_regions(), st.data())
def test_all_tasks_end_as_the_scheduler_would_have_it(workflow, data):
    ends = drawn(data, workflow, ["success"] * 4 + ["failed", "skipped"])
    wanted = expected(workflow, ends, {})
    done = run(emitted(workflow), ends)
    assert done.outcomes == wanted
    diverted = {name for name, end in wanted.items() if end != ends[name] or workflow.by_id[name].work.is_empty}
    assert not done.ran & diverted
    assert done.repeated == []
    never_reported = {name for name in done.ran if ends[name] == "failed"}
    settled = {name for name in never_reported & done.tries.keys() if state_name(f"Record {name}") not in done.visited}
    # Of other states the interpreter counts no tries.
    assert all(done.tries[name] == str(workflow.by_id[name].retry.retries + 1) for name in settled)
    assert set(done.called) == {name for name in never_reported if workflow.by_id[name].calls_back}
    failed = any(wanted[leaf] in FAILED for leaf in deciding_tasks(workflow))
    assert done.status == ("FAILED" if failed else "SUCCEEDED")


@LAW
@given(workflows_of_regions(), st.data())
def test_a_restart_runs_what_may_run_and_nothing_that_it_keeps(workflow, data):
    """Whatever is kept, be it below what runs again or above it."""
    ends = drawn(data, workflow, ["success"] * 4 + ["failed", "skipped"])
    kept = {}
    for task in workflow.tasks:
        if workflow.restartable and not task.work.is_empty and data.draw(st.booleans()):
            kept[task.task_id] = data.draw(st.sampled_from(["success", "success", "skipped", "failed"]))
    wanted = expected(workflow, ends, kept)
    done = run(emitted(workflow), ends, {"done": kept})
    assert done.outcomes == wanted
    assert not done.ran & kept.keys()


@LAW
@given(workflows_of_regions(), st.data())
def test_a_worker_that_dies_before_its_report_is_believed(workflow, data):
    ends = drawn(data, workflow, ["success"] * 5 + ["failed", "skipped"])
    lost = {name for name in ends if data.draw(st.integers(0, 3)) == 0}
    done = run(emitted(workflow), ends, lost=lost)
    if done.visited[-1].startswith("Lost "):
        assert not workflow.restartable
        assert any(ends[name] == "success" for name in lost)
    else:
        assert done.outcomes == expected(workflow, ends, {})
