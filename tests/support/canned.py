"""An AWS that answers from memory, for runs with more jobs in flight than an embedded one could hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ductwork.contracts.ledger import job_sk, run_pk
from ductwork_airflow.run_model.handle import RunHandle
from remote_runs import TABLE, Clients, Remote


class Canned:
    """An AWS in which one machine has ``size`` jobs in flight; the ledger is a real one."""

    def __init__(self, clients: Clients, size: int) -> None:
        self._clients, self._size = clients, size
        self.events = list(self._events())
        self.failed: set[str] = set()
        """The jobs that Batch does not start because one above them has failed."""
        self.described: set[str] = set()
        """The jobs that were asked after."""

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
        self.described.update(jobs)
        return {"jobs": [self._describe(job) for job in jobs]}

    def _describe(self, job: str) -> dict[str, Any]:
        found: dict[str, Any] = {"jobId": job, "status": "RUNNABLE", "attempts": [], "container": {}}
        below = {"status": "FAILED", "statusReason": "Dependent Job failed"}
        return found | (below if job in self.failed else {})


def canned_run(remote: Remote, target: str, size: int, layer: int = 0) -> tuple[Clients, Canned, RunHandle]:
    """A run with ``size`` jobs waiting in the queue: what counts the calls, what to watch it with, and its handle.

    :param layer: in a chain each task comes after the one whose number is less by so many; 0: after none
    """
    names = (f"canned_{target}", f"r{size}-{layer}")
    if target == "stepfunctions":
        facts: dict[str, Any] = {f"t{task}": {} for task in range(size)}
        remote.ledger.start_run(*names, target=target, execution_arn="arn", tasks=facts)
    else:
        facts = {f"t{task}": {"job": f"j{task}"} for task in range(size)}
        for task in range(layer, size) if layer else ():
            facts[f"t{task}"]["upstream"] = [f"t{task - layer}"]
        remote.ledger.start_run(*names, target=target, tasks=facts)
        for task in range(size):
            claim = {"name": f"j{task}", "above": [], "submit": "{}", "position": task, "round": 0}
            remote.ledger.put(run_pk(*names), job_sk(f"j{task}"), {**claim, "owner": "us", "job_id": f"job-{task}"})
    clients = Clients(remote.aws)
    arn = "arn" if target == "stepfunctions" else None
    return clients, Canned(clients, size), RunHandle(*names, target, TABLE, arn)
