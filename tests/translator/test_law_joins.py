"""Laws of machines of any order and any rules: random workflows, random interleavings of their branches."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from asl_check import problems
from ductwork.backends.stepfunctions import costs, machine
from ductwork.compiler import to_json
from ductwork.contracts.stepfunctions_limits import MAX_NESTING
from ductwork.diagnostics import Diagnostics, Origin
from ductwork.ir import Deployment, Task, Worker, Workflow
from ductwork.semantics.leaf_rule import deciding_tasks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonata_reference import judged
from machine_run import run
from scripted_runs import allowed, check_order, free_of, scripted

RELAXED = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True, scope="module")
def reference():
    """The reference JSONata judges what the interpreter evaluates."""
    with judged(limit=3000):
        yield


def emitted(workflow, room=MAX_NESTING):
    found = Diagnostics()
    made = machine.emit(workflow, found, room)
    assert [str(finding) for finding in found] == []
    return json.loads(to_json(made))


# With room for no Parallel in another, what would nest is made side by side.
ROOMS = st.sampled_from([MAX_NESTING, 1])


@RELAXED
@given(scripted(), ROOMS)
def test_machines_are_sound(case, room):
    workflow, _ = case
    made = emitted(workflow, room)
    assert [str(problem) for problem in problems(made)] == []
    assert costs.nesting(made) <= room


@RELAXED
@given(scripted(), ROOMS, st.lists(st.integers(0, 2**32), min_size=5, max_size=5), st.sampled_from([0.0, 0.3]))
def test_every_interleaving_ends_as_airflow_would(case, room, seeds, lost):
    workflow, ends = case
    made = emitted(workflow, room)
    for seed in seeds:
        done = run(made, ends, seed=seed, lost_replies=lost)
        assert done.outcomes.keys() == workflow.by_id.keys()
        for task, found in allowed(workflow, ends, done.outcomes):
            assert done.outcomes[task] in found, (task, done.outcomes)
        failed = any(done.outcomes[leaf] in {"failed", "upstream_failed"} for leaf in deciding_tasks(workflow))
        assert done.status == ("FAILED" if failed else "SUCCEEDED")
        check_order(workflow, done)


@RELAXED
@given(scripted(), ROOMS, st.data(), st.integers(0, 2**32))
def test_no_task_waits_for_anything_but_its_own_rule(case, room, data, seed):
    """While one job goes on, everything that does not wait for it ends."""
    workflow, ends = case
    made = emitted(workflow, room)
    ran = sorted(run(made, ends, seed=seed).ran)
    if not ran:
        return
    held = data.draw(st.sampled_from(ran))
    done = run(made, ends, seed=seed, hold=held)
    if held in done.ran:
        assert done.while_held >= free_of(workflow, ends, held, done.outcomes)


def test_what_is_told_several_times_is_counted_each_time():
    """Each of the lower tasks is below two of the upper ones, in no series-parallel order."""
    above = dict.fromkeys("abcd", ()) | {pair: tuple(pair) for pair in ("ab", "ac", "ad", "bc", "bd", "cd")}
    origin, where = Origin("case.py", 1), Deployment(job_queue="q", job_definition="d")
    tasks = [Task(name, origin, "x.Y", Worker("it"), up, deployment=where) for name, up in above.items()]
    made = emitted(Workflow("dag", origin, "case.py", bundle_path="/dags", tasks=tuple(tasks)))
    visited = Counter(run(made, dict.fromkeys(above, "success")).visited)
    events = {name: 5 * count for name, count in visited.items() if name.startswith("Tell ")}
    assert {name: found for name, (_, found) in costs.by_state(made).items() if name in events} == events
    assert max(events.values()) > 5
