"""Every trigger rule over every mixture of up to three upstream outcomes, as a few DAGs of the scheduling model.

The upstream tasks of a DAG are shared, and four of them are jobs; the tasks with the rule are EmptyOperators. A failed
and a skipped task above one all_success task make its outcome depend on the order, so those stand in DAGs of their own,
in which two jobs come before the one that is to be late.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

from scheduling_model import Dag, Node
from scheduling_rules import RULES

OUTCOMES = ("success", "failed", "skipped", "upstream_failed")
MIXTURES = [mixture for size in (1, 2, 3) for mixture in combinations_with_replacement(OUTCOMES, size)]


def ordered(mixture: tuple[str, ...]) -> bool:
    """Whether all_success over the mixture depends on what comes first."""
    return "skipped" in mixture and ("failed" in mixture or "upstream_failed" in mixture)


def _sources(failing: str = "", skipping: str = "") -> list[Node]:
    """Three tasks of each outcome, ``failed1`` to ``failed3`` and so on; those that do not work below one that does."""
    nodes = [Node(f"success{n}", "empty") for n in (1, 2, 3)]
    nodes += [Node(f"failed{n}", upstream=_above(failing), script=("fail",)) for n in (1, 2, 3)]
    nodes += [Node("skipping", upstream=_above(skipping), script=("skip",))]
    nodes += [Node(f"skipped{n}", "empty", ("skipping",)) for n in (1, 2, 3)]
    nodes += [Node(f"upstream_failed{n}", "empty", ("failed1",)) for n in (1, 2, 3)]
    return nodes


def _above(name: str) -> tuple[str, ...]:
    return (name,) if name else ()


def _consumer(rule: str, mixture: tuple[str, ...]) -> Node:
    upstream = tuple(f"{what}{mixture[: place + 1].count(what)}" for place, what in enumerate(mixture))
    return Node("over_" + "_and_".join(upstream), "empty", upstream, rule)


def rule_dag(rule: str) -> Dag:
    mixtures = [mixture for mixture in MIXTURES if rule != "all_success" or not ordered(mixture)]
    return Dag(f"rule_{rule}", (*_sources(), *(_consumer(rule, mixture) for mixture in mixtures)))


def order_dag(late: str) -> Dag:
    """All mixtures whose order matters, with the failures or the skips first."""
    early = [Node("first"), Node("second", upstream=("first",))]
    sources = _sources(**{late: "second"})
    consumers = [_consumer("all_success", mixture) for mixture in MIXTURES if ordered(mixture)]
    return Dag(f"order_{late}_late", (*early, *sources, *consumers))


def teardown_dag() -> Dag:
    """The rule of teardowns over one or two setups of each outcome, and over a body of each outcome."""
    nodes = [Node("broken", script=("fail",))]
    for n in ("1", "2"):
        nodes += [
            Node(f"success{n}", "empty", is_setup=True),
            Node(f"failed{n}", script=("fail",), is_setup=True),
            Node(f"skipped{n}", script=("skip",), is_setup=True),
            Node(f"upstream_failed{n}", "empty", ("broken",), is_setup=True),
        ]
    nodes += [
        Node("body_success", "empty", ("success1",)),
        Node("body_failed", "work", ("success1",), script=("fail",)),
    ]
    nodes += [Node("body_skipped", "work", ("success1",), script=("skip",))]
    nodes += [Node("body_upstream_failed", "empty", ("body_failed",))]
    mixtures = [mixture for mixture in MIXTURES if len(mixture) < 3]
    teardowns = [_consumer("all_done_setup_success", mixture) for mixture in mixtures]
    teardowns += [
        Node(f"after_{outcome}", "empty", ("success1", f"body_{outcome}"), "all_done_setup_success")
        for outcome in OUTCOMES
    ]
    return Dag("rule_teardown", (*nodes, *(Node(**vars(node) | {"is_teardown": True}) for node in teardowns)))


def dags() -> list[Dag]:
    orders = [order_dag("failing"), order_dag("skipping")]
    return [*(rule_dag(rule) for rule in RULES), teardown_dag(), *orders]
