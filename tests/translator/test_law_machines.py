"""Laws of the emitted machines: random workflows give sound machines, always the same ones, with the right outcomes."""

from __future__ import annotations

import json

from asl_check import problems
from ductwork.backends.batch import chain
from ductwork.backends.stepfunctions import machine
from ductwork.compiler import to_json
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Instant, Worker
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machine_run import run
from workflows import workflows

RELAXED = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


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


def expected(workflow, ends):
    """Airflow's all_success over direct upstream tasks; the task's own end where it runs."""
    outcomes = {}
    for task in workflow.tasks:
        above = {outcomes[up] for up in task.upstream}
        if above & {"failed", "upstream_failed"}:
            outcomes[task.task_id] = "upstream_failed"
        elif "skipped" in above:
            outcomes[task.task_id] = "skipped"
        else:
            outcomes[task.task_id] = "success" if isinstance(task.work, Instant) else ends[task.task_id]
    return outcomes


@RELAXED
@given(workflows(), st.data())
def test_outcomes_are_those_of_the_rule(workflow, data):
    """Whatever each task's job ends in, every task gets the outcome Airflow gives it, and so does the run."""
    native = {task.task_id for task in workflow.tasks if not isinstance(task.work, Worker)}
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
        and not isinstance(task.work, Instant)
        and all(wanted[up] == "success" for up in task.upstream)
    }
    failed = any(wanted[leaf] in {"failed", "upstream_failed"} for leaf in workflow.leaves)
    assert done.status == ("FAILED" if failed else "SUCCEEDED")


@RELAXED
@given(workflows())
def test_chains_are_in_order_and_lose_no_dependency(workflow):
    made = chain.emit(workflow, Diagnostics())
    jobs = [job["name"] for job in made["jobs"]]
    assert len(jobs) == len(set(jobs)) == sum(not isinstance(task.work, Instant) for task in workflow.tasks)
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
