"""What one look costs, in calls: a fixed number, and one more for each hundred jobs in flight."""

from __future__ import annotations

import math

import pytest
from canned import Canned, canned_run
from ductwork_airflow.mirror.execution_history import History
from ductwork_airflow.mirror.poll_pace import PollPace
from ductwork_airflow.runs import lifecycle
from remote_runs import Clients, Remote

SIZES = [10, 100, pytest.param(1000, marks=pytest.mark.long)]


@pytest.mark.parametrize("size", SIZES)
def test_calls_of_a_look_at_a_machine(remote: Remote, size: int) -> None:
    """Of a thousand jobs that wait in the queue, seven hundred are asked after at a look, in turn."""
    clients, aws, handle = canned_run(remote, "stepfunctions", size)
    watcher = lifecycle.watcher(aws, handle)
    assert watcher.poll().counts == {"queued": size}
    assert clients.calls["update_item"] == size  # each task instance once
    asked: set[str] = set()
    for _ in range(2):
        clients.calls.clear()
        aws.described.clear()
        assert watcher.poll().counts == {"queued": size}
        assert clients.calls["get_execution_history"] == 1
        assert clients.calls["describe_execution"] == 1
        assert clients.calls["describe_jobs"] == math.ceil(min(size, 700) / 100)
        assert clients.calls["update_item"] == 0
        assert clients.calls["get_item"] == 1
        assert clients.calls["query"] == 1
        assert sum(clients.calls.values()) <= 12
        asked |= aws.described
    assert len(asked) == size
    print(f"machine of {size}: {sum(clients.calls.values())} calls, {dict(clients.calls)}")


@pytest.mark.parametrize("size", SIZES)
def test_calls_of_a_look_at_a_chain(remote: Remote, size: int) -> None:
    clients, aws, handle = canned_run(remote, "batch", size)
    watcher = lifecycle.watcher(aws, handle)
    assert watcher.poll().counts == {"queued": size}
    clients.calls.clear()
    assert watcher.poll().counts == {"queued": size}
    assert clients.calls["describe_jobs"] == math.ceil(size / 100)
    assert clients.calls["update_item"] == 0
    assert clients.calls["get_item"] + clients.calls["query"] <= 4
    print(f"chain of {size}: {sum(clients.calls.values())} calls, {dict(clients.calls)}")


def test_what_waits_for_other_jobs_is_not_asked_about(remote: Remote) -> None:
    """Of four layers of 150 jobs each the first may have begun. A call has room for a hundred: others fill it up."""
    clients, aws, handle = canned_run(remote, "batch", 600, layer=150)
    watcher = lifecycle.watcher(aws, handle)
    for _ in range(2):
        clients.calls.clear()
        watcher.poll()
        assert clients.calls["describe_jobs"] == 2
    # Batch starts nothing below what has failed: all of that is looked at at once.
    remote.ledger.record_task(*(handle.dag_id, handle.run_id), "t0", "failed", 1)
    aws.failed = {f"job-{150 * layer}" for layer in (1, 2, 3)}
    assert watcher.poll().counts["upstream_failed"] == 3


def test_history_is_read_a_piece_at_a_time(remote: Remote) -> None:
    clients = Clients(remote.aws)
    aws = Canned(clients, 1000)
    everything, history = aws.events, History("arn", {f"t{task}": f"t{task}" for task in range(1000)})
    aws.events = everything[:10]
    seen = []
    for end in (10, 10, 31, 3000):
        aws.events = everything[:end]
        seen.append(history.read(aws))
    assert seen == [10, 0, 21, 2969]
    assert history.in_flight == {f"job-{task}": f"t{task}" for task in range(1000)}
    last = everything[-1]["id"]
    aws.events = [*everything, {"id": last + 1, "previousEventId": last, "type": "TaskFailed"}]
    assert history.read(aws) == 1
    assert "job-999" not in history.in_flight
    assert history.submitted["t999"] == ["job-999"]


def test_looks_at_many_instances_are_fewer() -> None:
    """Each reads them all: 250 of them a second, on average, and every half minute at the least."""

    def waits(number: int) -> list[float]:
        pace = PollPace()
        items = [{"task_id": "t", "map_index": index, "state": "running"} for index in range(number)]
        return [pace.progress({}, items).wait for _ in range(3)]

    assert waits(1) == waits(250) == [1.0, 1.5, 2.25]
    assert waits(5_000) == [20.0, 30.0, 30.0]
    assert waits(20_000) == [30.0, 30.0, 30.0]
