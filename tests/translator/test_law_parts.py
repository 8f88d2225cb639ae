"""Laws of machines that are cut into several: any order and any rules, a small budget for each machine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from asl_check import problems
from ductwork.backends.stepfunctions import costs, machine
from ductwork.compiler import to_json
from ductwork.contracts import machine_bundle
from ductwork.diagnostics import Diagnostics
from ductwork.planning import layout
from ductwork.planning.cut import Measures, Weight, cut
from ductwork.planning.shapes import Parallel, Series
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonata_reference import judged
from machine_run import run
from scripted_runs import allowed, check_order, free_of, scripted
from workflows import workflows

RELAXED = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
# Bytes of a machine: the run's own states take some 4,000, and a task 2,000 to 8,000.
SIZES = st.sampled_from([12_000, 16_000, 24_000])


@pytest.fixture(autouse=True, scope="module")
def reference():
    """The reference JSONata judges what the interpreter evaluates."""
    with judged(limit=3000):
        yield


def emitted(workflow, size=None):
    """The document as its readers see it; of several machines where the size allows for it."""
    limits = replace(costs.AWS, size=size) if size else costs.AWS
    made = machine.emit(workflow, Diagnostics(), limits=limits)
    return None if made is None else json.loads(to_json(made))


@RELAXED
@given(scripted(), SIZES)
def test_all_machines_of_a_bundle_are_sound_and_within_the_budget(case, size):
    workflow, _ = case
    made = emitted(workflow, size)
    if made is None:
        return
    assert [str(problem) for problem in problems(made)] == []
    assert all(len(to_json(each).encode()) <= size for each in machine_bundle.machines(made))


@RELAXED
@given(workflows(), SIZES)
def test_the_same_workflow_gives_the_same_bytes(workflow, size):
    first, second = emitted(workflow, size), emitted(workflow, size)
    assert json.dumps(first) == json.dumps(second)


@RELAXED
@given(scripted(), SIZES, st.lists(st.integers(0, 2**32), min_size=3, max_size=3), st.sampled_from([0.0, 0.3]))
def test_every_interleaving_ends_as_airflow_would(case, size, seeds, lost):
    workflow, ends = case
    made = emitted(workflow, size)
    if made is None:
        return
    for seed in seeds:
        done = run(made, ends, seed=seed, lost_replies=lost)
        assert done.outcomes.keys() == workflow.by_id.keys()
        for task, found in allowed(workflow, ends, done.outcomes):
            assert done.outcomes[task] in found, (task, done.outcomes)
        check_order(workflow, done)


@RELAXED
@given(scripted(), SIZES)
def test_the_ledger_is_that_of_one_machine(case, size):
    workflow, ends = case
    made, whole = emitted(workflow, size), emitted(workflow)
    if made is None:
        return
    cut_up, in_one = run(made, ends), run(whole, ends)
    seen = ("outcomes", "status", "tries", "ran", "pushed")
    # Where a branch and an early rule race, either may come first; elsewhere nothing depends on the order.
    if not any(task.trigger_rule in {"one_success", "one_failed", "one_done"} for task in workflow.tasks):
        assert [getattr(cut_up, name) for name in seen] == [getattr(in_one, name) for name in seen]
    assert cut_up.status == in_one.status or cut_up.outcomes != in_one.outcomes


@RELAXED
@given(scripted(), SIZES, st.data(), st.integers(0, 2**32))
def test_no_task_waits_for_anything_but_its_own_rule(case, size, data, seed):
    """A child ends with the last of its tasks, and what is after it waits for all of these anyway."""
    workflow, ends = case
    made = emitted(workflow, size)
    if made is None or not (ran := sorted(run(made, ends, seed=seed).ran)):
        return
    held = data.draw(st.sampled_from(ran))
    done = run(made, ends, seed=seed, hold=held)
    if held in done.ran:
        assert done.while_held >= free_of(workflow, ends, held, done.outcomes)


@RELAXED
@given(workflows(), st.integers(1, 30))
def test_a_cut_keeps_all_tasks_in_their_order_and_its_machines_weigh_what_they_may(workflow, most):
    root = layout.of(workflow)
    heaviest = Weight(most + 6, most + 6)

    def own(part):
        return Weight(1, 1) if isinstance(part, (layout.TaskPart, Parallel, layout.Join)) else Weight()

    measures = Measures(own, lambda part: 0, lambda part: 0, heaviest, heaviest, Weight(1, 1))
    parts = cut(root, measures)
    assert layout.members(parts) == layout.members(root)
    assert order(parts) == order(root)
    numbers = [child.number for child in layout.all_children(parts)]
    assert numbers == list(range(1, len(numbers) + 1))


def order(part):
    """All pairs of tasks of which the first ends before the second starts."""
    if isinstance(part, (layout.Child, layout.Join)):
        return order(part.part)
    if not isinstance(part, (Series, Parallel)):
        return set()
    found = set().union(*map(order, part.parts))
    if isinstance(part, Series):
        members = [layout.members(inner) for inner in part.parts]
        for place, before in enumerate(members):
            for after in members[place + 1 :]:
                found |= {(one, other) for one in before for other in after}
    return found


@RELAXED
@given(workflows())
def test_what_fits_is_one_plain_definition(workflow):
    whole = emitted(workflow)
    assert not machine_bundle.is_bundle(whole)
    assert emitted(workflow, len(to_json(whole).encode())) == whole
    in_several = emitted(workflow, len(to_json(whole).encode()) - 1)
    assert in_several is None or machine_bundle.is_bundle(in_several)
