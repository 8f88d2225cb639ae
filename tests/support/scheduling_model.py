"""Airflow's scheduling decisions on a small model of a DAG, to see whether an outcome depends on the order of events.

``ti_deps/deps/trigger_rule_dep.py``, ``models/dagrun.py`` and ``skip-downstream`` of Airflow 3.3, for tasks that are not
mapped. The differential suite holds it against ``dag.test()``, so it is not a second oracle.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

RUN = "run"


@dataclass(frozen=True)
class Node:
    """A task. ``script``: what each try does ("ok", "fail", "give_up", "skip"); the last one holds for later tries.

    :param follow: of a branch: the direct downstream tasks it chooses; of a short circuit: None for a true condition
    """

    name: str
    kind: str = "work"  # work, empty, branch, short
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


@dataclass(frozen=True)
class Dag:
    name: str
    nodes: tuple[Node, ...] = ()

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


@dataclass
class Count:
    """How many upstream tasks there are and have ended in what."""

    total: int
    success: int
    failed: int  # upstream_failed too
    skipped: int
    plainly_failed: int

    @property
    def done(self) -> bool:
        return self.success + self.failed + self.skipped == self.total


def _all_success(n: Count) -> str | None:
    if n.failed:
        return "upstream_failed"
    if n.skipped:
        return "skipped"
    return RUN if n.done else None


def _all_done_min_one_success(n: Count) -> str | None:
    if n.skipped:
        return "skipped"
    return (RUN if n.success else "upstream_failed") if n.done else None


def _one_success(n: Count) -> str | None:
    if n.success:
        return RUN
    return ("skipped" if n.skipped == n.total else "upstream_failed") if n.done else None


def _none_failed_min_one_success(n: Count) -> str | None:
    if n.failed:
        return "upstream_failed"
    return (RUN if n.success else "skipped") if n.done else None


def _unless(spoiled: bool, verdict: str, n: Count) -> str | None:
    return verdict if spoiled else RUN if n.done else None


def _once(met: bool, n: Count) -> str | None:
    return RUN if met else "skipped" if n.done else None


RULES: Mapping[str, Callable[[Count], str | None]] = {
    "all_success": _all_success,
    "all_failed": lambda n: _unless(bool(n.success or n.skipped), "skipped", n),
    "all_done": lambda n: RUN if n.done else None,
    "all_done_min_one_success": _all_done_min_one_success,
    "all_skipped": lambda n: _unless(bool(n.success or n.failed), "skipped", n),
    "one_failed": lambda n: _once(bool(n.failed), n),
    "one_success": _one_success,
    "one_done": lambda n: _once(bool(n.success or n.plainly_failed), n),
    "none_failed": lambda n: _unless(bool(n.failed), "upstream_failed", n),
    "none_failed_min_one_success": _none_failed_min_one_success,
    "none_skipped": lambda n: _unless(bool(n.skipped), "skipped", n),
    "always": lambda n: RUN,
}


def count(names: tuple[str, ...] | list[str], ended: Mapping[str, str]) -> Count:
    states = [ended[name] for name in names if name in ended]
    failed = states.count("failed")
    return Count(
        len(names),
        states.count("success"),
        failed + states.count("upstream_failed"),
        states.count("skipped"),
        failed,
    )


def decide(dag: Dag, node: Node, ended: Mapping[str, str]) -> str | None:
    """RUN, the state that the task ends in without running, or None while it has to wait."""
    if not node.upstream:
        return RUN
    if any(node.name in dag.skips.get(name, ()) for name in node.upstream if ended.get(name) == "success"):
        return "skipped"
    if node.is_teardown:
        return _decide_teardown(dag, node, ended)
    if node.rule == "always":
        return RUN
    n = count([name for name in dag.setups_above[node.name] if name not in node.upstream], ended)
    if n.failed or n.skipped:
        return "upstream_failed" if n.failed else "skipped"
    verdict = RULES[node.rule](count(node.upstream, ended))
    return None if verdict == RUN and not n.done else verdict


def _decide_teardown(dag: Dag, node: Node, ended: Mapping[str, str]) -> str | None:
    if not count(node.upstream, ended).done:
        return None
    setups = [name for name in node.upstream if dag.by_name[name].is_setup]
    n = count(setups, ended)
    if setups and not n.success:
        return "skipped" if n.skipped == n.total else "upstream_failed"
    above = {name for name in dag.by_name if node.name in dag.all_downstream[name]} - set(node.upstream)
    scope = above.intersection(*[set().union(*(dag.all_downstream[setup] for setup in setups))])
    return RUN if scope <= ended.keys() else None


@dataclass
class Run:
    """One run of a DAG. ``order`` says which of several running tasks ends first; None: all of them at once."""

    dag: Dag
    order: Mapping[str, float] | None
    ended: dict[str, str] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)

    def outcome(self) -> tuple[dict[str, tuple[str, int]], str]:
        self.tries = dict.fromkeys(self.dag.by_name, 0)
        self.waiting = set(self.dag.by_name)
        while True:
            while self._sweep() and self.order is not None:
                pass
            if not self.running and not self._sweep():
                break
            self._end_some()
        tasks = {name: (self.ended.get(name, "none"), self.tries[name]) for name in self.dag.by_name}
        return tasks, run_state(self.dag, self.ended)

    def _sweep(self) -> bool:
        before, changed = dict(self.ended), False
        for name in sorted(self.waiting):
            verdict = decide(self.dag, self.dag.by_name[name], before)
            if verdict is None:
                continue
            changed = True
            self.waiting.discard(name)
            if verdict == RUN:
                self.running.add(name)
                self.tries[name] += 1
            else:
                self.ended[name] = verdict
        return changed

    def _end_some(self) -> None:
        if self.order is None:
            names = sorted(self.running)
        else:
            names = [min(self.running, key=self.order.__getitem__)] if self.running else []
        for name in names:
            self._end(self.dag.by_name[name])
        self.running.difference_update(names)

    def _end(self, node: Node) -> None:
        tried = self.tries[node.name]
        does = node.script[min(tried, len(node.script)) - 1]
        if does == "fail" and tried <= node.retries:
            self.waiting.add(node.name)
            return
        self.ended[node.name] = {"ok": "success", "skip": "skipped"}.get(does, "failed")
        for name in self.dag.skips.get(node.name, ()) if does == "ok" else ():
            # skip-downstream leaves alone what runs, has succeeded or has failed, and nothing else.
            if name not in self.running and self.ended.get(name) not in ("success", "failed"):
                self.waiting.discard(name)
                self.ended[name] = "skipped"


def run_state(dag: Dag, ended: Mapping[str, str]) -> str:
    """``DagRun._tis_for_dagrun_state`` and ``update_state``."""

    def counts(node: Node) -> bool:
        return not node.is_teardown or node.fails_run

    leaves = [n for n in dag.nodes if counts(n) and not any(counts(dag.by_name[d]) for d in dag.downstream[n.name])]
    leaves = leaves or [node for node in dag.nodes if not dag.downstream[node.name]]
    return "failed" if any(ended.get(leaf.name) in ("failed", "upstream_failed") for leaf in leaves) else "success"


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
    """Tasks' states and try numbers, and the run's state, as ``dag.test()`` finds them."""
    return Run(dag, None).outcome()


def depends_on_order(dag: Dag, shuffles: int = 20) -> bool:
    expected = outcome(dag)
    return any(Run(dag, order).outcome() != expected for order in orders(dag, random.Random(dag.name), shuffles))
