"""The joins of a job chain: no job depends on more than 20 others, and each still waits for all it is to wait for."""

from __future__ import annotations

import pytest
from ductwork.backends.batch.joins import Joins


def everything_above(made: Joins, names: list[str]) -> dict[str, set[str]]:
    """For each job all others that it waits for, joins left out."""
    depends_on = {join.name: join.above for name in names for join in made.before(name)} | made.depends_on
    joins = depends_on.keys() - set(names)
    assert max(map(len, depends_on.values())) <= 20

    def gathered(name: str) -> set[str]:
        return {each for up in depends_on[name] for each in (gathered(up) if up in joins else {up})}

    return {name: gathered(name) for name in names}


@pytest.mark.parametrize(
    ("above", "joins"),
    [(0, 0), (20, 0), (21, 1), (39, 1), (40, 2), (58, 2), (59, 3), (400, 20), (401, 21), (8001, 421)],
)
def test_as_few_joins_as_it_takes(above: int, joins: int) -> None:
    firsts = [f"a{number}" for number in range(above)]
    made = Joins("d", {**dict.fromkeys(firsts, ()), "last": firsts})
    assert len(list(made.before("last"))) == joins
    assert everything_above(made, [*firsts, "last"])["last"] == set(firsts)


def test_jobs_below_the_same_others_share_joins() -> None:
    firsts = [f"a{number:02}" for number in range(30)]
    names = [*firsts, "one", "two", "three"]
    made = Joins("d", {**dict.fromkeys(firsts, ()), "one": firsts, "two": firsts, "three": firsts[:25]})
    assert [len(list(made.before(name))) for name in ("one", "two", "three")] == [1, 0, 0]
    assert everything_above(made, names)["three"] == set(firsts[:25])


@pytest.mark.parametrize(("outside", "inside", "joins"), [(0, 20, 0), (1, 19, 0), (2, 19, 1), (5, 18, 1), (400, 1, 21)])
def test_arrays_that_are_waited_for_child_by_child_are_not_gathered(outside: int, inside: int, joins: int) -> None:
    kept = [f"k{number}" for number in range(inside)]
    others = [f"o{number}" for number in range(outside)]
    made = Joins("d", {**dict.fromkeys([*kept, *others], ()), "last": [*kept, *others]}, {"last": kept})
    assert len(list(made.before("last"))) == joins
    assert set(kept) <= set(made.depends_on["last"])
    assert everything_above(made, [*kept, *others, "last"])["last"] == {*kept, *others}
