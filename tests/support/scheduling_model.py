"""Airflow's scheduling decisions on a small model of a DAG, to see whether an outcome depends on the order of events.

``ti_deps/deps/trigger_rule_dep.py``, ``mapped_task_upstream_dep.py``, ``models/dagrun.py``, ``models/taskmap.py`` and
``skip-downstream`` of Airflow 3.3. The differential suite holds it against ``dag.test()``, so it is not a second oracle.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

from scheduling_rules import OF_ALL_INSTANCES, RULES, RUN, count

Key = tuple[str, int]


@dataclass(frozen=True)
class Over:
    """What a task or a task group is expanded over.

    :param how: ``product``, ``zip``, ``filled`` (zip to the longest), ``concat`` of what the sources return
    :param literals: the length of a list in the file, of which and the sources it is the product; None: no such list
    """

    sources: tuple[str, ...] = ()
    how: str = "product"
    literals: int | None = None

    @property
    def fixed(self) -> int | None:
        """How many instances there are when the run begins."""
        return None if self.sources else self.literals

    def length(self, lengths: Mapping[str, int | None]) -> int | None:
        found = [lengths[source] for source in self.sources]
        known = [length for length in found if length is not None]
        if len(known) < len(found):
            return None
        total = {"product": prod, "zip": min, "filled": max, "concat": sum}[self.how](known) if known else 1
        return total * (1 if self.literals is None else self.literals)


@dataclass(frozen=True)
class Node:
    """A task. ``script``: what each try does ("ok", "fail", "give_up", "skip"); the last one holds for later tries.

    :param follow: of a branch: the direct downstream tasks it chooses; of a short circuit: None for a true condition
    :param returns: the length of the list that it returns; None: it returns a text
    :param over: it is mapped; its sources are among its upstream tasks
    :param group: the mapped task group it is in
    """

    name: str
    kind: str = "work"  # work, empty, branch, short; a mapped one is work
    upstream: tuple[str, ...] = ()
    rule: str = "all_success"
    script: tuple[str, ...] = ("ok",)
    retries: int = 0
    follow: tuple[str, ...] | None = ()
    ignore_rules: bool = True
    is_setup: bool = False
    is_teardown: bool = False
    fails_run: bool = False
    seconds: float = 0.0
    returns: int | None = None
    over: Over | None = None
    group: str = ""


@dataclass(frozen=True)
class Dag:
    """
    :param groups: the mapped task groups; what a group is expanded over is upstream of its first tasks
    """

    name: str
    nodes: tuple[Node, ...] = ()
    groups: Mapping[str, Over] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def downstream(self) -> dict[str, list[str]]:
        return {node.name: [other.name for other in self.nodes if node.name in other.upstream] for node in self.nodes}

    @cached_property
    def all_downstream(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for node in reversed(self.nodes):  # nodes are in topological order
            direct = self.downstream[node.name]
            found[node.name] = set(direct).union(*(found[name] for name in direct))
        return found

    @cached_property
    def setups_above(self) -> dict[str, list[str]]:
        """Each task's relevant setups (``get_upstreams_only_setups``)."""
        return {node.name: [setup for setup in self._setups() if self._covers(setup, node.name)] for node in self.nodes}

    @cached_property
    def skips(self) -> dict[str, set[str]]:
        """What each branch or short circuit skips when it has run."""
        return {node.name: self._skipped_by(node) for node in self.nodes if node.kind in ("branch", "short")}

    def _setups(self) -> list[str]:
        return [node.name for node in self.nodes if node.is_setup]

    def _teardowns_of(self, setup: str) -> set[str]:
        return {name for name in self.downstream[setup] if self.by_name[name].is_teardown}

    def _covers(self, setup: str, name: str) -> bool:
        teardowns = self._teardowns_of(setup)
        return name in self.all_downstream[setup] and (not teardowns or bool(teardowns & self.all_downstream[name]))

    def _skipped_by(self, node: Node) -> set[str]:
        if node.kind == "branch":
            followed = set(node.follow or ())
            return set(self.downstream[node.name]) - followed.union(*(self.all_downstream[name] for name in followed))
        if node.follow is None:
            return set()
        below = self.all_downstream[node.name] if node.ignore_rules else self.downstream[node.name]
        return {name for name in below if not self.by_name[name].is_teardown}

    def over(self, node: Node) -> Over | None:
        return self.groups[node.group] if node.group else node.over


@dataclass
class Sight:
    """What a scheduler sees of a run's task instances: their states, None for those that have not ended."""

    dag: Dag
    states: Mapping[Key, str | None]

    def instances(self, name: str) -> list[Key]:
        return [key for key in self.states if key[0] == name]

    def length(self, node: Node) -> int | None:
        """How many instances a mapped task is to have; None: that cannot be told."""
        over = self.dag.over(node)
        assert over is not None
        return over.length({source: self._returned(self.dag.by_name[source]) for source in over.sources})

    def _returned(self, source: Node) -> int | None:
        if source.over is None:
            return source.returns if self.states.get((source.name, -1)) == "success" else None
        ends = [self.states[key] for key in self.instances(source.name)]
        if None in ends:
            return None
        return ends.count("success") if (source.name, -1) not in self.states else 0

    def above(self, node: Node, index: int, names: list[str] | tuple[str, ...]) -> list[str | None]:
        """The states of the instances of other tasks that an instance looks at."""
        return [self.states[key] for name in names for key in self.instances(name) if self._looks(node, index, key)]

    def _looks(self, node: Node, index: int, key: Key) -> bool:
        if not node.group or self.dag.by_name[key[0]].group != node.group or key[1] < 0:
            return True
        if index >= 0:
            return index == key[1]
        # It is not expanded: it sees nothing of what is, but for some rules.
        return node.rule in OF_ALL_INSTANCES or not self.length(node)


def decide(dag: Dag, node: Node, ended: Mapping[str, str]) -> str | None:
    """RUN, the state that a task ends in without running, or None while it has to wait. No task is mapped."""
    return decide_instance(Sight(dag, {(name, -1): ended.get(name) for name in dag.by_name}), node, -1)


def decide_instance(sight: Sight, node: Node, index: int, *, rule_first: bool = True) -> str | None:
    """
    :param rule_first: Airflow asks the rule before it looks at what the task is expanded over; it does either
    """
    rule, mapping = _by_rule(sight, node, index), _by_mapping(sight, node)
    if mapping == RUN or rule == "upstream_failed":
        return rule
    if rule == "skipped" and not rule_first:
        return rule
    return mapping


def _by_mapping(sight: Sight, node: Node) -> str:
    over = sight.dag.over(node)
    ends = {sight.states.get((source, -1)) for source in (over.sources if over else ())}
    if ends & {"failed", "upstream_failed"}:
        return "upstream_failed"
    return "skipped" if "skipped" in ends else RUN


def _by_rule(sight: Sight, node: Node, index: int) -> str | None:
    dag = sight.dag
    if not node.upstream:
        return RUN
    if any(
        node.name in dag.skips.get(name, ()) and sight.states.get((name, -1)) == "success" for name in node.upstream
    ):
        return "skipped"
    if node.is_teardown:
        return _decide_teardown(sight, node)
    if node.rule == "always":
        return RUN
    n = count(sight.above(node, index, [name for name in dag.setups_above[node.name] if name not in node.upstream]))
    if n.failed or n.skipped:
        return "upstream_failed" if n.failed else "skipped"
    verdict = RULES[node.rule](count(sight.above(node, index, node.upstream)))
    return None if verdict == RUN and not n.done else verdict


def _decide_teardown(sight: Sight, node: Node) -> str | None:
    dag = sight.dag
    if not count(sight.above(node, -1, node.upstream)).done:
        return None
    setups = [name for name in node.upstream if dag.by_name[name].is_setup]
    n = count(sight.above(node, -1, setups))
    if setups and not n.success:
        return "skipped" if n.skipped == n.total else "upstream_failed"
    above = {name for name in dag.by_name if node.name in dag.all_downstream[name]} - set(node.upstream)
    scope = above.intersection(*[set().union(*(dag.all_downstream[setup] for setup in setups))])
    return RUN if count(sight.above(node, -1, sorted(scope))).done else None


@dataclass
class Run:
    """One run of a DAG.

    :param order: says which of several running tasks ends first; None: all of them at once
    """

    dag: Dag
    order: Mapping[str, float] | None
    rule_first: bool = True
    states: dict[Key, str | None] = field(default_factory=dict)
    tries: dict[Key, int] = field(default_factory=dict)
    running: set[Key] = field(default_factory=set)
    waiting: set[Key] = field(default_factory=set)

    def outcome(self) -> tuple[dict[str, tuple[str, int]], str]:
        for node in self.dag.nodes:
            over = self.dag.over(node)
            self._make(node.name, range(over.fixed) if over and over.fixed else (-1,))
        while True:
            while self._sweep() and self.order is not None:
                pass
            if not self.running and not self._sweep():
                break
            self._end_some()
        tasks = {
            f"{name}[{index}]": (end or "none", self.tries[name, index]) for (name, index), end in self.states.items()
        }
        return tasks, run_state(self.dag, self.states)

    def _make(self, name: str, indexes: Iterable[int]) -> list[Key]:
        made = [(name, index) for index in indexes]
        self.states |= dict.fromkeys(made)
        self.tries |= dict.fromkeys(made, 0)
        self.waiting |= set(made)
        return made

    def _sweep(self) -> bool:
        before, changed = dict(self.states), False
        todo = sorted(self.waiting)
        for name, index in todo:  # grows
            node = self.dag.by_name[name]
            verdict = decide_instance(Sight(self.dag, before), node, index, rule_first=self.rule_first)
            if verdict == RUN and index < 0 and self.dag.over(node):
                length = Sight(self.dag, before).length(node)
                if length:
                    todo += self._expand(name, length)
                    del before[name, -1]
                    before |= {(name, each): None for each in range(length)}
                    continue
                verdict = "upstream_failed" if length is None else "skipped"
            if verdict is None:
                continue
            changed = True
            self.waiting.discard((name, index))
            if verdict == RUN:
                self.running.add((name, index))
                self.tries[name, index] += 1
            else:
                self.states[name, index] = verdict
        return changed

    def _expand(self, name: str, length: int) -> list[Key]:
        del self.states[name, -1], self.tries[name, -1]
        self.waiting.discard((name, -1))
        return self._make(name, range(length))

    def _end_some(self) -> None:
        keys = sorted(self.running)
        if self.order is not None:
            keys = sorted(keys, key=lambda key: (self.order[key[0]], key))[:1]
        for key in keys:
            self._end(key)
        self.running.difference_update(keys)

    def _end(self, key: Key) -> None:
        node, tried = self.dag.by_name[key[0]], self.tries[key]
        does = node.script[min(tried, len(node.script)) - 1]
        if does == "fail" and tried <= node.retries:
            self.waiting.add(key)
            return
        self.states[key] = {"ok": "success", "skip": "skipped"}.get(does, "failed")
        for name in self.dag.skips.get(node.name, ()) if does == "ok" else ():
            # skip-downstream leaves alone what runs, has succeeded or has failed, and what has been expanded.
            other = (name, -1)
            if other in self.states and other not in self.running and self.states[other] not in ("success", "failed"):
                self.waiting.discard(other)
                self.states[other] = "skipped"


def run_state(dag: Dag, states: Mapping[Key, str | None]) -> str:
    """``DagRun._tis_for_dagrun_state`` and ``update_state``."""

    def counts(node: Node) -> bool:
        return not node.is_teardown or node.fails_run

    leaves = [n for n in dag.nodes if counts(n) and not any(counts(dag.by_name[d]) for d in dag.downstream[n.name])]
    deciding = {leaf.name for leaf in leaves or [node for node in dag.nodes if not dag.downstream[node.name]]}
    failed = any(end in ("failed", "upstream_failed") for (name, _), end in states.items() if name in deciding)
    return "failed" if failed else "success"


def orders(dag: Dag, rng: random.Random, shuffles: int) -> Iterator[Mapping[str, float] | None]:
    """All at once, as ``dag.test()``; each task as the first and as the last to end; and at random."""
    names = list(dag.by_name)
    yield None
    places = {name: float(place) for place, name in enumerate(names)}
    for name in names:
        yield places | {name: -1.0}
        yield places | {name: 1000.0}
    for _ in range(shuffles):
        yield {name: rng.random() for name in names}


def outcome(dag: Dag) -> tuple[dict[str, tuple[str, int]], str]:
    """Task instances' states and try numbers, and the run's state, as ``dag.test()`` finds them."""
    return Run(dag, None).outcome()


def depends_on_order(dag: Dag, shuffles: int = 20) -> bool:
    expected = outcome(dag)
    drawn = [*orders(dag, random.Random(dag.name), shuffles)]
    return any(Run(dag, order, first).outcome() != expected for order in drawn for first in (True, False))
