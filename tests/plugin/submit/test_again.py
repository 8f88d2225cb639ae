"""What a restart submits again of a chain, and in what order."""

from __future__ import annotations

import pytest
from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.submit.claims import Job
from ductwork_airflow.submit.resubmission import among_themselves


def chain(order: dict[str, list[str]]) -> list[Job]:
    return [Job(name, tuple(above), {}, number) for number, (name, above) in enumerate(order.items())]


def above(jobs: list[Job]) -> dict[str, set[str]]:
    return {job.name: set(job.above) for job in jobs}


def test_what_comes_after_a_job_through_one_that_is_kept_waits_for_it() -> None:
    order = {"a": [], "b": ["a"], "c": ["b"], "d": [], "e": ["b", "c", "d"]}
    found = among_themselves(chain(order), {"a", "c", "d", "e"}, order.keys())
    assert above(found) == {"a": set(), "c": {"a"}, "d": set(), "e": {"c", "d"}}


# Two joins of three tasks each, and one of these.
WIDE = {
    **{name: [] for name in "abcdef"},
    "join-1": ["a", "b", "c"],
    "join-2": ["d", "e", "f"],
    "join-3": ["join-1", "join-2"],
    "last": ["join-3"],
}


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        ("abdel", {"join-1": "ab", "join-2": "de", "join-3": "12", "last": "3"}),
        ("abdl", {"join-1": "ab", "join-3": "1d", "last": "3"}),
        ("abl", {"join-1": "ab", "last": "1"}),
        ("al", {"last": "a"}),
        ("ab", {}),
        ("l", {"last": ""}),
    ],
)
def test_joins_are_made_again_where_they_still_gather(again: str, expected: dict[str, str]) -> None:
    spelt = {"l": "last", "1": "join-1", "2": "join-2", "3": "join-3"}
    names = {spelt.get(letter, letter) for letter in again}
    found = among_themselves(chain(WIDE), names, [name for name in WIDE if "-" not in name])
    firsts: dict[str, set[str]] = {name: set() for name in names if len(name) == 1}
    assert above(found) == firsts | {name: {spelt.get(up, up) for up in ups} for name, ups in expected.items()}


def test_more_dependencies_than_batch_takes_are_refused() -> None:
    first, kept = [f"a{number}" for number in range(21)], [f"b{number}" for number in range(7)]
    order = {name: [] for name in first} | {b: first[3 * i : 3 * i + 3] for i, b in enumerate(kept)} | {"last": kept}
    with pytest.raises(SubmissionError, match="the job last would depend on 21 others"):
        among_themselves(chain(order), {*first, "last"}, order.keys())
