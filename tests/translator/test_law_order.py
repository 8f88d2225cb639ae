"""Laws of :mod:`ductwork.planning.partial_order`, held against networkx and an independent test for crossing orders."""

from __future__ import annotations

import itertools

import networkx
import pytest
from ductwork.planning.decomposition import Prime, decompose
from ductwork.planning.folding import Single
from ductwork.planning.partial_order import Order, topological
from ductwork.planning.shapes import Parallel, Series
from hypothesis import given, settings
from hypothesis import strategies as st
from workflows import series_parallel


@st.composite
def dags(draw, most=9):
    """Direct upstream nodes of a random DAG; names are in no order."""
    count = draw(st.integers(0, most))
    names = draw(st.permutations([f"n{i}" for i in range(count)]))
    pairs = list(itertools.combinations(names, 2))
    edges = draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    return {name: tuple(sorted(up for up, down in edges if down == name)) for name in sorted(names)}


RELAXED = settings(max_examples=120, deadline=None, derandomize=True)


def networkx_of(upstream):
    made = networkx.DiGraph()
    made.add_nodes_from(upstream)
    made.add_edges_from((up, node) for node, above in upstream.items() for up in above)
    return made


def pairs_of(upstream):
    """All ``(before, after)`` of the order."""
    return set(networkx.transitive_closure(networkx_of(upstream)).edges)


def members(part):
    if isinstance(part, Single):
        return [part.node]
    return [node for inner in part.parts for node in members(inner)]


def primes(part):
    if isinstance(part, Single):
        return []
    own = [part] if isinstance(part, Prime) else []
    return own + [prime for inner in part.parts for prime in primes(inner)]


def implied(part):
    """The order that a decomposition says."""
    if isinstance(part, Single):
        return set()
    pairs = set().union(*(implied(inner) for inner in part.parts))
    if isinstance(part, Prime):
        above = networkx.DiGraph([(up, at) for at, ups in enumerate(part.upstream) for up in ups])
        for up, down in networkx.transitive_closure(above).edges:
            pairs |= set(itertools.product(members(part.parts[up]), members(part.parts[down])))
    if isinstance(part, Series):
        for one, other in itertools.combinations(part.parts, 2):
            pairs |= set(itertools.product(members(one), members(other)))
    return pairs


def has_n(nodes, order):
    """Four nodes with a < c, b < c, b < d and no other order among them: the only shape that is not series-parallel."""
    related = order | {(after, before) for before, after in order}
    for a, b, c, d in itertools.permutations(nodes, 4):
        if {(a, c), (b, c), (b, d)} <= order and not {(a, b), (c, d), (a, d)} & related:
            return True
    return False


@RELAXED
@given(dags())
def test_topological_order(upstream):
    order = topological(upstream)
    assert sorted(order) == sorted(upstream)
    assert all(order.index(up) < order.index(node) for node, above in upstream.items() for up in above)
    # Among what is ready the smallest id comes first.
    expected = list(networkx.lexicographical_topological_sort(networkx_of(upstream)))
    assert order == expected


@RELAXED
@given(dags())
def test_the_reduction_is_networkx_s(upstream):
    reduced = Order(upstream).reduced_upstream()
    expected = networkx.transitive_reduction(networkx_of(upstream))
    assert {(up, node) for node, above in reduced.items() for up in above} == set(expected.edges)
    assert pairs_of(reduced) == pairs_of(upstream)


@RELAXED
@given(dags(most=7))
def test_the_decomposition_says_the_order_and_crosses_only_where_it_must(upstream):
    part = decompose(Order(upstream))
    order = pairs_of(upstream)
    assert sorted(members(part)) == sorted(upstream)
    assert implied(part) == order
    for prime in primes(part):
        assert has_n(members(prime), order)
    assert bool(primes(part)) == has_n(sorted(upstream), order)


@RELAXED
@given(series_parallel())
def test_series_parallel_orders_decompose_without_rest(upstream):
    assert primes(decompose(Order(upstream))) == []


@RELAXED
@given(dags())
def test_parts_alternate_and_are_in_order(upstream):
    def check(part):
        if isinstance(part, (Series, Parallel)):
            assert len(part.parts) > 1 or not upstream
            assert not any(type(inner) is type(part) for inner in part.parts)
            for inner in part.parts:
                check(inner)

    check(decompose(Order(upstream)))


@pytest.mark.parametrize(
    ("upstream", "expected"),
    [
        ({}, Series(())),
        ({"a": ()}, Single("a")),
        ({"a": (), "b": ("a",)}, Series((Single("a"), Single("b")))),
        ({"a": (), "b": ()}, Parallel((Single("a"), Single("b")))),
        (
            {"a": (), "b": (), "c": ("a",), "d": ("a", "b")},
            Prime((Single("a"), Single("b"), Single("c"), Single("d")), ((), (), (0,), (0, 1))),
        ),
        (
            {"a": (), "b": (), "c": ("a", "b"), "d": ("a", "b")},
            Series((Parallel((Single("a"), Single("b"))), Parallel((Single("c"), Single("d"))))),
        ),
        ({"a": (), "b": ("a", "a"), "c": ("b", "a")}, Series((Single("a"), Single("b"), Single("c")))),
    ],
)
def test_decompositions(upstream, expected):
    assert decompose(Order(upstream)) == expected


def test_a_large_graph_is_quick():
    """2,000 tasks in 20 layers, each task after all of the layer above: 190,000 edges."""
    layers = [[f"t{layer:02}_{i:03}" for i in range(100)] for layer in range(20)]
    upstream = {name: tuple(layers[k - 1]) if k else () for k, layer in enumerate(layers) for name in layer}
    part = decompose(Order(upstream))
    assert [len(inner.parts) for inner in part.parts] == [100] * 20
