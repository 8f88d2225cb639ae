"""What one look costs, in calls: a fixed number, and one more for each hundred jobs in flight."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from ductwork_airflow.mirror.history import History
from ductwork_airflow.submit import runs
from ductwork_airflow.submit.claims import Claims, Job
from ductwork_airflow.submit.remote import RunHandle
from remote_runs import TABLE, Clients, Remote

SIZES = [10, 100, 1000]


class Canned:
    """An AWS in which one machine has ``size`` jobs in flight; the ledger is a real one."""

    def __init__(self, clients: Clients, size: int) -> None:
        self._clients, self._size = clients, size
        self.events = list(self._events())

    def client(self, service: str) -> Any:
        return self._clients.client("dynamodb") if service == "dynamodb" else self

    def _events(self) -> Iterator[dict[str, Any]]:
        number = 1
        for task in range(self._size):
            details = {"resource": "submitJob.sync", "resourceType": "batch"}
            output = json.dumps({"JobId": f"job-{task}"})
            yield {"id": number, "previousEventId": 0, "type": "TaskStateEntered",
                   "stateEnteredEventDetails": {"name": f"t{task}"}}  # fmt: skip
            yield {"id": number + 1, "previousEventId": number, "type": "TaskScheduled"}
            yield {"id": number + 2, "previousEventId": number + 1, "type": "TaskSubmitted",
                   "taskSubmittedEventDetails": {**details, "output": output}}  # fmt: skip
            number += 3

    def describe_execution(self, **_: Any) -> dict[str, Any]:
        self._clients.calls["describe_execution"] += 1
        return {"status": "RUNNING"}

    def get_execution_history(self, *, maxResults: int, nextToken: str = "0", **_: Any) -> dict[str, Any]:
        self._clients.calls["get_execution_history"] += 1
        start = int(nextToken)
        page = {"events": self.events[::-1][start : start + maxResults]}
        return page | ({"nextToken": str(start + maxResults)} if start + maxResults < len(self.events) else {})

    def describe_jobs(self, jobs: list[str]) -> dict[str, Any]:
        self._clients.calls["describe_jobs"] += 1
        assert len(jobs) <= 100
        return {"jobs": [{"jobId": job, "status": "RUNNABLE", "attempts": [], "container": {}} for job in jobs]}


@pytest.mark.parametrize("size", SIZES)
def test_calls_of_a_look_at_a_machine(remote: Remote, size: int) -> None:
    names = ("calls_machine", f"r{size}")
    facts = {f"t{task}": {} for task in range(size)}
    remote.ledger.start_run(*names, target="stepfunctions", execution_arn="arn", tasks=facts)
    clients = Clients(remote.aws)
    watcher = runs.watcher(Canned(clients, size), RunHandle(*names, "stepfunctions", TABLE, "arn"))
    assert watcher.poll().counts == {"queued": size}
    assert clients.calls["update_item"] == size  # each task instance once
    clients.calls.clear()
    assert watcher.poll().counts == {"queued": size}
    assert clients.calls["get_execution_history"] == 1
    assert clients.calls["describe_execution"] == 1
    assert clients.calls["describe_jobs"] == math.ceil(size / 100)
    assert clients.calls["update_item"] == 0
    assert clients.calls["get_item"] == 1
    assert clients.calls["query"] == 1
    print(f"machine of {size}: {sum(clients.calls.values())} calls, {dict(clients.calls)}")


@pytest.mark.parametrize("size", SIZES)
def test_calls_of_a_look_at_a_chain(remote: Remote, size: int) -> None:
    names = ("calls_chain", f"r{size}")
    facts = {f"t{task}": {"job": f"j{task}"} for task in range(size)}
    remote.ledger.start_run(*names, target="batch", tasks=facts)
    claims = Claims(remote.ledger, *names)
    for task in range(size):
        job = Job(f"j{task}", (), {}, task)
        claims.make(job)
        claims.resolve(job, f"job-{task}")
    clients = Clients(remote.aws)
    watcher = runs.watcher(Canned(clients, size), RunHandle(*names, "batch", TABLE))
    assert watcher.poll().counts == {"queued": size}
    clients.calls.clear()
    assert watcher.poll().counts == {"queued": size}
    assert clients.calls["describe_jobs"] == math.ceil(size / 100)
    assert clients.calls["update_item"] == 0
    assert clients.calls["get_item"] + clients.calls["query"] <= 4
    print(f"chain of {size}: {sum(clients.calls.values())} calls, {dict(clients.calls)}")


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
    assert history.in_flight == {f"t{task}": f"job-{task}" for task in range(1000)}
    last = everything[-1]["id"]
    aws.events = [*everything, {"id": last + 1, "previousEventId": last, "type": "TaskFailed"}]
    assert history.read(aws) == 1
    assert "t999" not in history.in_flight
    assert history.last_jobs["t999"] == "job-999"
