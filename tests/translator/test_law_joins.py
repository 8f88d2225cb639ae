"""Laws of machines of any order and any rules: random workflows, random interleavings of their branches."""

from __future__ import annotations

import json

from asl_check import problems
from ductwork import structure
from ductwork.backends.stepfunctions import machine
from ductwork.compiler import to_json
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Instant
from ductwork.trigger_rules import ALWAYS, DEFAULT, EARLY, verdict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machine_run import run
from workflows import ruled_workflows

RELAXED = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def emitted(workflow):
    found = Diagnostics()
    made = machine.emit(workflow, found)
    assert [str(finding) for finding in found] == []
    return json.loads(to_json(made))


@st.composite
def scripted(draw):
    """A workflow, and what the job of each of its workers would end in."""
    workflow = draw(ruled_workflows())
    ends = {}
    for task in workflow.tasks:
        if not isinstance(task.work, Instant):
            end = draw(st.sampled_from(["success", "success", "failed", "skipped"]))
            if task.skips and end == "success":
                end = tuple(sorted(draw(st.sets(st.sampled_from(task.skips)))))
            ends[task.task_id] = end
    return workflow, ends


def allowed(workflow, ends, outcomes):
    """For each task the outcomes Airflow could give it, by what its upstream tasks ended in."""
    by_id = workflow.by_id
    for task in workflow.tasks:
        own = ends.get(task.task_id, "success")
        own = "success" if isinstance(own, tuple) else own
        marked = any(
            task.task_id in end and outcomes[by] == "success"
            for by, end in ends.items()
            if isinstance(end, tuple) and task.task_id in by_id[by].skips
        )
        above = [outcomes[up] for up in task.upstream]
        decided = verdict(task.trigger_rule, above)
        found = {own if decided == "run" else decided}
        if task.trigger_rule == DEFAULT and decided == "upstream_failed" and "skipped" in above:
            found.add("skipped")
        if marked:
            # A rule that decides early may start the task before a branch skips it.
            found = found | {"skipped"} if structure.is_early(task) else {"skipped"}
        yield task.task_id, found


@RELAXED
@given(scripted())
def test_machines_are_sound(case):
    workflow, _ = case
    assert [str(problem) for problem in problems(emitted(workflow))] == []


@RELAXED
@given(scripted(), st.lists(st.integers(0, 2**32), min_size=5, max_size=5), st.sampled_from([0.0, 0.3]))
def test_every_interleaving_ends_as_airflow_would(case, seeds, lost):
    workflow, ends = case
    made = emitted(workflow)
    for seed in seeds:
        done = run(made, ends, seed=seed, lost_replies=lost)
        assert done.outcomes.keys() == workflow.by_id.keys()
        for task, found in allowed(workflow, ends, done.outcomes):
            assert done.outcomes[task] in found, (task, done.outcomes)
        failed = any(done.outcomes[leaf] in {"failed", "upstream_failed"} for leaf in workflow.leaves)
        assert done.status == ("FAILED" if failed else "SUCCEEDED")
        check_order(workflow, done)


def check_order(workflow, done):
    """A job starts only when its task's rule is decided."""
    at = {entry: number for number, entry in enumerate(done.order)}
    for task in workflow.tasks:
        if task.task_id not in done.ran or task.trigger_rule == ALWAYS:
            continue
        ended = [up for up in task.upstream if at[f"{up}!"] < at[task.task_id]]
        if set(ended) != set(task.upstream):
            assert any(done.outcomes[up] in EARLY[task.trigger_rule] for up in ended)


def free_of(workflow, ends, held, outcomes):
    """The tasks that are decided, and end, while one job goes on for ever."""
    free = set()
    for task in workflow.tasks:
        if task.task_id == held:
            continue
        ended = [up for up in task.upstream if up in free]
        decides = EARLY.get(task.trigger_rule, frozenset()) if structure.is_early(task) else frozenset()
        if (
            task.trigger_rule == ALWAYS
            or set(ended) == set(task.upstream)
            or any(outcomes[up] in decides for up in ended)
        ):
            free.add(task.task_id)
    return free


@RELAXED
@given(scripted(), st.data(), st.integers(0, 2**32))
def test_no_task_waits_for_anything_but_its_own_rule(case, data, seed):
    """While one job goes on, everything that does not wait for it ends."""
    workflow, ends = case
    made = emitted(workflow)
    ran = sorted(run(made, ends, seed=seed).ran)
    if not ran:
        return
    held = data.draw(st.sampled_from(ran))
    done = run(made, ends, seed=seed, hold=held)
    if held in done.ran:
        assert done.while_held >= free_of(workflow, ends, held, done.outcomes)
