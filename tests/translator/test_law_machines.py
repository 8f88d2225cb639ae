"""Laws of the emitted machines: random workflows give sound machines, always the same ones, with the right outcomes."""

from __future__ import annotations

import json

import pytest
from asl_check import problems
from ductwork.backends.batch import chain
from ductwork.backends.stepfunctions import machine
from ductwork.compiler import to_json
from ductwork.contracts.names import state_name
from ductwork.diagnostics import Diagnostics
from ductwork.semantics.leaf_rule import deciding_tasks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonata_reference import judged
from machine_run import run
from workflows import workflows

RELAXED = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True, scope="module")
def reference():
    """The reference JSONata judges what the interpreter evaluates."""
    with judged(limit=3000):
        yield


def emitted(workflow):
    found = Diagnostics()
    made = machine.emit(workflow, found)
    assert [str(finding) for finding in found] == []
    return json.loads(to_json(made))


@RELAXED
@given(workflows())
def test_machines_are_sound(workflow):
    assert [str(problem) for problem in problems(emitted(workflow))] == []


@RELAXED
@given(workflows())
def test_the_same_workflow_gives_the_same_bytes(workflow):
    texts = {to_json(machine.emit(workflow, Diagnostics())) for _ in range(2)}
    texts_of_chains = {to_json(chain.emit(workflow, Diagnostics())) for _ in range(2)}
    assert len(texts) == len(texts_of_chains) == 1


def expected(workflow, ends, kept=None):
    """Airflow's all_success over direct upstream tasks; the task's own end where it runs, or what a restart keeps."""
    outcomes = {}
    for task in workflow.tasks:
        if task.task_id in (kept or {}):
            outcomes[task.task_id] = kept[task.task_id]
            continue
        above = {outcomes[up] for up in task.upstream}
        if above & {"failed", "upstream_failed"}:
            outcomes[task.task_id] = "upstream_failed"
        elif "skipped" in above:
            outcomes[task.task_id] = "skipped"
        else:
            outcomes[task.task_id] = "success" if task.work.is_empty else ends[task.task_id]
    return outcomes


@RELAXED
@given(workflows(), st.data())
def test_outcomes_are_those_of_the_rule(workflow, data):
    """Whatever each task's job ends in, every task gets the outcome Airflow gives it, and so does the run."""
    native = {task.task_id for task in workflow.tasks if not task.work.has_worker}
    # A native job cannot skip itself.
    ends = {
        task.task_id: data.draw(
            st.sampled_from(["success", "failed"] if task.task_id in native else ["success", "failed", "skipped"])
        )
        for task in workflow.tasks
    }
    wanted = expected(workflow, ends)
    done = run(emitted(workflow), ends)
    assert done.outcomes == wanted
    assert done.ran == {
        task.task_id
        for task in workflow.tasks
        if wanted[task.task_id] == ends[task.task_id]
        and not task.work.is_empty
        and all(wanted[up] == "success" for up in task.upstream)
    }
    failed = any(wanted[leaf] in {"failed", "upstream_failed"} for leaf in deciding_tasks(workflow))
    assert done.status == ("FAILED" if failed else "SUCCEEDED")


@RELAXED
@given(workflows(), st.data())
def test_a_restart_runs_nothing_that_it_keeps(workflow, data):
    """Whatever of the run before is kept, in whatever state, and whatever the others end in now."""
    native = {task.task_id for task in workflow.tasks if not task.work.has_worker}
    kept, ends = {}, {}
    for task in workflow.tasks:
        can = ["success", "failed"] if task.task_id in native else ["success", "success", "failed", "skipped"]
        ends[task.task_id] = data.draw(st.sampled_from(can))
        # An empty task is quicker asked again than passed over.
        if not task.work.is_empty and data.draw(st.booleans()):
            kept[task.task_id] = data.draw(st.sampled_from(["success", "success", "skipped", "failed"]))
    done = run(emitted(workflow), ends, {"done": kept})
    assert done.outcomes == expected(workflow, ends, kept)
    assert not done.ran & kept.keys()
    assert not native & set(done.repeated), "nobody finds out for a native job that its task has ended"


@RELAXED
@given(workflows())
def test_a_success_goes_past_the_next_choice(workflow):
    """Where one task follows one other, and nothing else is above it, its Choice is not asked after a success."""
    workers = {task.task_id for task in workflow.tasks if task.work.has_worker}
    below = {}
    for task in workflow.tasks:
        for up in task.upstream:
            below.setdefault(up, []).append(task.task_id)
    visited = run(emitted(workflow), {task.task_id: "success" for task in workflow.tasks}).visited
    for task in workflow.tasks:
        alone = len(task.upstream) == 1 and below[task.upstream[0]] == [task.task_id]
        if alone and {task.task_id, *task.upstream} <= workers:
            assert state_name(f"Run {task.task_id}?") not in visited


@RELAXED
@given(workflows())
def test_chains_are_in_order_and_lose_no_dependency(workflow):
    made = chain.emit(workflow, Diagnostics())
    jobs = [job["name"] for job in made["jobs"]]
    assert len(jobs) == len(set(jobs)) == sum(not task.work.is_empty for task in workflow.tasks)
    before: dict[str, set[str]] = {}
    for job in made["jobs"]:
        before[job["name"]] = set(job["depends_on"]).union(*(before[up] for up in job["depends_on"]))
    named = {task: facts.get("job") for task, facts in made["manifest"]["tasks"].items()}
    above: dict[str, set[str]] = {}
    for task in workflow.tasks:
        above[task.task_id] = set(task.upstream).union(*(above[up] for up in task.upstream))
        if named[task.task_id]:
            wanted = {named[up] for up in above[task.task_id] if named[up]}
            assert before[named[task.task_id]] == wanted
