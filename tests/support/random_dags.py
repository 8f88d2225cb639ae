"""Random DAGs from seeds: shapes, trigger rules, outcomes of tries, branches, short circuits, setups and teardowns; mapped
tasks and mapped groups over what others return, which may be skipped or failed, and over literals."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from scheduling_model import Dag, Node, Over, depends_on_order
from scheduling_rules import OF_ALL_INSTANCES, RULES

_RULES = [*RULES, *["all_success"] * 7]
_TOLERANT = ["all_done", "none_failed", "none_failed_min_one_success", "all_skipped", "one_failed", "none_skipped"]
_KINDS = ["work"] * 20 + ["empty"] * 12 + ["branch"] * 2 + ["short"]
_SCRIPTS = [
    *[(("ok",), 0)] * 14,
    (("fail", "ok"), 1),
    (("fail", "fail", "ok"), 2),
    (("fail",), 0),
    (("fail",), 1),
    (("give_up",), 1),
    (("fail", "give_up"), 3),
    (("skip",), 1),
    (("fail", "skip"), 1),
]


def random_dags(first: int, number: int) -> tuple[list[Dag], int]:
    """DAGs whose outcome no order of events changes, and how many others were drawn and left out."""
    found: list[Dag] = []
    left_out = 0
    for seed in range(first, first + number):
        drawn = list(_until_clear(seed))
        left_out += len(drawn) - 1
        found.append(drawn[-1])
    return found, left_out


def _until_clear(seed: int) -> Iterator[Dag]:
    for attempt in range(1000):
        dag = draw(f"random_{seed:04}", random.Random(f"{seed}.{attempt}"))
        yield dag
        if not depends_on_order(dag):
            return
    raise AssertionError(f"seed {seed} gives no DAG with a clear outcome")


def draw(name: str, rng: random.Random) -> Dag:
    size = 3 + int(23 * rng.random() ** 1.8)
    upstream = [_upstream(place, rng) for place in range(size)]
    nodes = [_node(place, upstream, rng) for place in range(size)]
    if size > 3 and rng.random() < 0.35:
        for _ in range(rng.choice([1, 1, 2])):
            _scope(nodes, rng)
    groups: dict[str, Over] = {}
    if rng.random() < 0.5:
        for _ in range(rng.choice([1, 2, 3])):
            _map(nodes, rng)
        if rng.random() < 0.4:
            _group(nodes, groups, rng)
    dag = Dag(name, tuple(nodes), groups)
    return Dag(name, tuple(_completed(dag, node, rng) for node in nodes), groups)


def _map(nodes: list[Node], rng: random.Random) -> None:
    """Make a task a mapped one, and of those that it is expanded over some that return lists."""
    free = [place for place, node in enumerate(nodes) if place and _is_plain(node) and node.over is None]
    if not free:
        return
    place = rng.choice(free)
    over, upstream = _over(nodes, place, nodes[place].upstream, rng)
    rule = rng.choice(_TOLERANT if over.sources and rng.random() < 0.7 else _RULES)
    script = rng.choice([("ok",), ("ok",), ("fail",), ("skip",)])
    nodes[place] = Node(_name(place), "work", upstream, rule if upstream else "all_success", script, over=over)


def _group(nodes: list[Node], groups: dict[str, Over], rng: random.Random) -> None:
    """Make neighbours a mapped group."""
    starts = [place for place in range(1, len(nodes)) if _is_plain(nodes[place]) and nodes[place].over is None]
    if not starts:
        return
    first = last = rng.choice(starts)
    while last - first < 4 and last + 1 in starts and rng.random() < 0.8:
        last += 1
    inside = {_name(place) for place in range(first, last + 1)}
    groups["group"], sources = _over(nodes, first, (), rng)
    for place in range(first, last + 1):
        node = nodes[place]
        above = tuple(sorted({*node.upstream, *sources})) if not inside.intersection(node.upstream) else node.upstream
        # Airflow looks at all instances before it expands a task of such a rule, and a machine does not.
        rules = [rule for rule in _RULES if rule not in OF_ALL_INSTANCES] if sources else _RULES
        rule = rng.choice([rule for rule in rules if rule != "always"]) if above else "all_success"
        nodes[place] = replace(node, upstream=above, rule=rule, group="group", returns=None)


def _is_plain(node: Node) -> bool:
    return node.kind in ("work", "empty") and not (node.is_setup or node.is_teardown or node.group)


def _over(nodes: list[Node], place: int, upstream: tuple[str, ...], rng: random.Random) -> tuple[Over, tuple[str, ...]]:
    """What something is expanded over, and its upstream tasks with that among them."""
    if rng.random() < 0.2:
        return Over(literals=rng.choice([0, 1, 2])), upstream
    able = [at for at in range(place) if nodes[at].kind == "work" and not nodes[at].group]
    if not able:
        return Over(literals=2), upstream
    near = able[-4:]
    places = rng.sample(near, min(len(near), rng.choice([1, 1, 2])))
    for at in places:
        if nodes[at].over is None:
            nodes[at] = replace(nodes[at], returns=rng.choice([0, 1, 2, 2]))
    sources = tuple(_name(at) for at in sorted(places))
    how = rng.choice(["product", "zip", "filled", "concat"]) if len(sources) > 1 else "product"
    literals = rng.choice([0, 1, 2]) if len(sources) == 1 and rng.random() < 0.3 else None
    return Over(sources, how, literals), tuple(sorted({*upstream, *sources}))


def _upstream(place: int, rng: random.Random) -> tuple[str, ...]:
    if place == 0 or rng.random() < 0.12:
        return ()
    near = range(max(0, place - rng.choice([2, 4, 8])), place)
    chosen = rng.sample(near, min(len(near), rng.choice([1, 1, 1, 2, 2, 3, 4])))
    return tuple(_name(number) for number in sorted(chosen))


def _name(place: int) -> str:
    return f"t{place:02}"


def _node(place: int, upstream: list[tuple[str, ...]], rng: random.Random) -> Node:
    kind = rng.choice(_KINDS)
    has_downstream = any(_name(place) in above for above in upstream)
    if kind in ("branch", "short") and not has_downstream:
        kind = "work"
    script, retries = rng.choice(_SCRIPTS) if kind == "work" else (("ok",), 0)
    rule = rng.choice(_RULES) if upstream[place] else "all_success"
    return Node(_name(place), kind, upstream[place], rule, script, retries)


def _scope(nodes: list[Node], rng: random.Random) -> None:
    """Make a task a setup and a later one its teardown."""
    free = [place for place, node in enumerate(nodes) if node.kind == "work" and not node.is_setup | node.is_teardown]
    if len(free) < 2:
        return
    first, last = sorted(rng.sample(free, 2))
    setup, teardown = nodes[first], nodes[last]
    above = tuple(sorted({*teardown.upstream, setup.name}))
    nodes[first] = replace(setup, is_setup=True)
    nodes[last] = replace(
        teardown, is_teardown=True, upstream=above, rule="all_done_setup_success", fails_run=rng.random() < 0.5
    )


def _completed(dag: Dag, node: Node, rng: random.Random) -> Node:
    """The node with what follows from the finished graph."""
    below = dag.downstream[node.name]
    if node.kind == "branch":
        node = replace(node, follow=tuple(sorted(rng.sample(below, min(rng.choice([0, 1, 1, 1, 2]), len(below))))))
    if node.kind == "short":
        node = replace(node, follow=rng.choice([None, None, ()]), ignore_rules=rng.random() < 0.6)
    if not node.is_teardown and any(dag.by_name[name].is_setup for name in node.upstream):
        node = replace(node, rule="all_success")  # Airflow wants it so
    if node.rule == "always" and node.over and node.over.sources:
        node = replace(node, rule="all_done")  # Airflow wants it so
    if node.rule == "always" and any(
        dag.by_name[name].kind in ("branch", "short") for name in dag.by_name if node.name in dag.all_downstream[name]
    ):
        node = replace(node, rule="all_done")  # whether it starts before the branch skips it is a race
    return node


def timed_dags(first: int, number: int) -> list[Dag]:
    """DAGs that cross, of jobs of 0.2 to 1 second; no order of events changes their outcome."""
    return [_timed(seed) for seed in range(first, first + number)]


def _timed(seed: int) -> Dag:
    for attempt in range(1000):
        rng = random.Random(f"timed.{seed}.{attempt}")
        dag = Dag(f"timed_{seed:04}", tuple(_timed_node(place, rng) for place in range(rng.randint(6, 12))))
        if not depends_on_order(dag):
            return dag
    raise AssertionError(f"seed {seed} gives no DAG with a clear outcome")


def _timed_node(place: int, rng: random.Random) -> Node:
    above = rng.sample(range(place), min(place, rng.choice([1, 2, 2, 3]))) if place > 1 else []
    rule = rng.choice(["all_success", "all_done", "all_done", "one_done", "one_success", "none_failed"])
    return Node(
        _name(place),
        upstream=tuple(_name(number) for number in sorted(above)),
        rule=rule if above else "all_success",
        script=("fail",) if rng.random() < 0.1 else ("ok",),
        seconds=rng.randint(2, 10) / 10,
    )
