"""Laws of layouts of any order, however much they may nest: nothing starts before what it waits for has ended, and
nothing waits for anything else."""

from __future__ import annotations

import random

import pytest
from ductwork.diagnostics import Origin
from ductwork.ir import Task, Worker, Workflow
from ductwork.planning import layout
from ductwork.planning.layout import Join, MappedGroup, TaskPart
from ductwork.planning.partial_order import topological
from ductwork.planning.shapes import Parallel, Series
from ductwork.semantics.trigger_rules import ALWAYS, DEFAULT, EARLY, RULES, TEARDOWN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workflows import ruled_workflows

RELAXED = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
ROOMS = st.sampled_from([1, 2, 3, 8])


def workflow_of(upstream, rules=None):
    origin = Origin("case.py", 1)
    tasks = tuple(
        Task(name, origin, "x.Y", Worker("it"), upstream[name], (rules or {}).get(name, DEFAULT))
        for name in topological(upstream)
    )
    return Workflow(dag_id="dag", origin=origin, dag_file="case.py", bundle_path="/dags", tasks=tasks)


@st.composite
def drawn(draw, most=60):
    """A workflow that forks and joins at random; some of its rules decide early."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    count = rng.randint(1, most)
    near, most_above = rng.choice([2, 4, 10, 60]), rng.choice([1, 2, 2, 4])
    upstream, rules = {}, {}
    for number in range(count):
        at = range(max(0, number - near), number)
        above = rng.sample(at, min(len(at), rng.randint(0 if rng.random() < 0.2 else 1, most_above)))
        upstream[f"t{number:02}"] = tuple(f"t{up:02}" for up in sorted(above))
        if rng.random() < 0.2:
            rules[f"t{number:02}"] = rng.choice(sorted(set(RULES) - {TEARDOWN}))
    return workflow_of(upstream, rules)


def spine(length):
    """A chain, each task of which has another beside the next."""
    upstream = {"s000": ()}
    for number in range(1, length):
        upstream[f"s{number:03}"] = upstream[f"leaf{number:03}"] = (f"s{number - 1:03}",)
    return workflow_of(upstream)


def depth(part):
    if isinstance(part, TaskPart):
        return 0
    if isinstance(part, (Join, MappedGroup)):
        return depth(part.part) + isinstance(part, MappedGroup)
    return max(map(depth, part.parts), default=0) + isinstance(part, Parallel)


class Waited:
    """For each task of a layout what has certainly ended before it starts.

    Known are the tasks before it by its place, and joins; joins at last tell what has ended before the tasks they know.
    """

    def __init__(self, root):
        self.tasks = []
        self.place, self.joins = {}, {}
        self._walk(root, frozenset(), ())
        self._found = {}

    def _walk(self, part, before, joins):
        """All that has ended after the part by its place: tasks, and joins that it has passed."""
        if isinstance(part, TaskPart):
            self.tasks.append(part.task)
            self.place[part.task], self.joins[part.task] = before, joins
            return {part.task}
        if isinstance(part, Join):
            return self._walk(part.part, before, (*joins, part))
        done = set()
        for inner in part.parts:
            done |= self._walk(inner, before | done if isinstance(part, Series) else before, joins)
        return done

    def of(self, task):
        if task not in self._found:
            found = self._with(self.place[task])
            for join in self.joins[task]:
                told = [self._with([up]) for up in join.tells]
                found |= set.intersection(*told) if join.rule else set.union(*told)
            self._found[task] = found
        return self._found[task]

    def _with(self, tasks):
        return set(tasks).union(*map(self.of, tasks))


def certain(workflow):
    """The same by the order alone."""
    found = {}
    for name, above in layout.waits(workflow).items():
        found[name] = set(above).union(*(found[up] for up in above))
    return found


def check(workflow, room):
    root = layout.of(workflow, room)
    waited = Waited(root)
    assert sorted(waited.tasks) == sorted(workflow.by_id)
    assert depth(root) <= room
    assert {task: waited.of(task) for task in waited.tasks} == certain(workflow)
    keys = [join.key for join in layout.joins(root)]
    assert len(keys) == len(set(keys))
    return root


@RELAXED
@given(st.one_of(ruled_workflows(), drawn()), ROOMS)
def test_a_task_waits_for_what_its_rule_needs_and_for_nothing_else(workflow, room):
    check(workflow, room)


def starts(tasks, start_of):
    """When each task starts, if all succeed after a second each and the machine itself takes no time."""
    found = {}
    for task in tasks:
        found[task] = start_of(task, lambda up: found[up] + 1)
    return found


@RELAXED
@given(drawn(), ROOMS)
def test_every_task_starts_as_soon_as_its_rule_is_decided(workflow, room):
    waited = Waited(layout.of(workflow, room))

    def decided(rule, above, end):
        first_counts = rule in EARLY and "success" in EARLY[rule]
        return (min if first_counts else max)(map(end, above), default=0)

    def by_layout(task, end):
        placed = max(map(end, waited.place[task]), default=0)
        return max([placed, *(decided(join.rule, join.tells, end) for join in waited.joins[task])])

    def by_rule(task, end):
        rule = workflow.by_id[task].trigger_rule
        return 0 if rule == ALWAYS else decided(rule, workflow.by_id[task].upstream, end)

    assert starts(workflow.by_id, by_layout) == starts(workflow.by_id, by_rule)


@pytest.mark.parametrize("room", [1, 2, 8])
def test_a_spine_is_one_branch_and_its_leaves_are_others(room):
    root = check(spine(40), room)
    assert isinstance(root, Series)
    outermost = root.parts[-1]
    nested = room - 1
    assert len(outermost.parts) == 40 - nested
    joins = list(layout.joins(root))
    # The first leaf hangs below what is before the outermost Parallel.
    assert [join.tells for join in joins] == [(f"s{number:03}",) for number in range(1, 39 - nested)]


def test_what_follows_a_parallel_whose_branches_are_elsewhere_waits_for_them():
    upstream = {"a": (), "b": ("a",), "c1": ("b",), "c2": ("b",), "d": ("c1", "c2"), "beside": ("a",), "z": ("d",)}
    root = check(workflow_of(upstream), 1)
    a, outermost = root.parts
    assert a == TaskPart("a")
    expected = Series((TaskPart("b"), TaskPart("c1"), Join("d", TaskPart("d"), ("c2",)), TaskPart("z")))
    assert outermost.parts == (expected, TaskPart("beside"), Join("c2", TaskPart("c2"), ("b",)))


def test_the_longest_branch_stays_in_its_place():
    upstream = {"a": (), "b": ("a",), "beside": ("a",), "short": ("b",), "long1": ("b",), "long2": ("long1",)}
    _, outermost = check(workflow_of(upstream), 1).parts
    assert outermost.parts[0] == Series((TaskPart("b"), TaskPart("long1"), TaskPart("long2")))
