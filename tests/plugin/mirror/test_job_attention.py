"""Which jobs of an execution are described at a look."""

from __future__ import annotations

from typing import Any

import pytest
from ductwork_airflow.mirror.job_attention import Attention

JOBS = {"j": "t"}
RUN: Any = {"tasks": {"t": {}}}
NATIVE: Any = {"tasks": {"t": {"native": True}}}
WORKER: Any = {"task_id": "t", "job_id": "j", "state": "running", "log_stream": "l", "heartbeat_at": "1"}


@pytest.mark.parametrize(
    ("run", "item", "asked"),
    [
        (RUN, {"state": "queued"}, True),
        (RUN, {}, False),
        (RUN, {"state": "deferred"}, False),
        (RUN, {"job_id": "another"}, True),
        # A worker that has ended its container, for now.
        (RUN, {"state": "up_for_retry"}, True),
        (RUN, {"state": "up_for_reschedule"}, True),
        (NATIVE, {"state": "queued"}, True),
        (NATIVE, {}, False),
        (NATIVE, {"heartbeat_at": None, "log_stream": None}, False),
        (NATIVE, {"job_id": "another"}, True),
    ],
)
def test_what_is_asked_after(run: Any, item: Any, asked: bool) -> None:
    found = {name: value for name, value in {**WORKER, **item}.items() if value is not None}
    assert Attention().choose(JOBS, run, [found]) == (["j"] if asked else [])
    assert Attention().choose({}, run, [found]) == []


def test_what_is_not_known_is_asked_after() -> None:
    """That goes for an array, too: its children have items, and jobs of other names."""
    assert Attention().choose(JOBS, RUN, []) == ["j"]
    children: Any = [{**WORKER, "job_id": f"j:{index}", "map_index": index} for index in range(3)]
    attention = Attention()
    assert [attention.choose(JOBS, RUN, children) for _ in range(2)] == [["j"], ["j"]]


def test_the_log_of_a_worker_is_looked_for() -> None:
    attention = Attention()
    without = {name: value for name, value in WORKER.items() if name != "log_stream"}
    assert [attention.choose(JOBS, RUN, [item]) for item in (without, without, WORKER)] == [["j"], ["j"], []]


def test_a_worker_whose_heartbeat_stands_still_is_asked_after() -> None:
    """By the watcher's own clock: whose the heartbeat is may be another."""
    moment = [0.0]
    attention = Attention(lambda: moment[0])
    looks = []
    for seconds, beat in ((0, "1"), (29, "1"), (31, "1"), (600, "1"), (601, "2"), (640, "2"), (641, "3")):
        moment[0] = seconds
        looks.append(bool(attention.choose(JOBS, RUN, [{**WORKER, "heartbeat_at": beat}])))
    assert looks == [False, False, True, True, False, True, False]


@pytest.mark.parametrize(("size", "at_once"), [(700, 700), (1_000, 700), (10_000, 5_000)])
def test_of_many_that_wait_a_part_is_asked_after_in_turn(size: int, at_once: int) -> None:
    jobs = {f"j{n}": f"t{n}" for n in range(size)}
    queued: Any = [{**WORKER, "job_id": f"j{n}", "state": "queued"} for n in range(size)]
    attention = Attention()
    first, second = (attention.choose(jobs, RUN, queued) for _ in range(2))
    assert (len(first), len(second)) == (at_once, at_once)
    assert {*first, *second} == jobs.keys()
