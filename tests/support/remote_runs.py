"""Runs on the embedded AWS as callers of ``submit.runs`` make them; jobs are plain commands, so no Airflow runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from ductwork.compiler import Options, compile_paths
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.embedded_aws.services import ROLE_ARN, EmbeddedAws
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.run_model.handle import RunHandle, RunProgress
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit.pace import Pace

TABLE, QUEUE, DEFINITION = "remote-runs", "remote-queue", "remote-definition"
PACE = Pace(lease=0.0, list_lag=0.0, backoff=0.01)
# A state machine that submits a job chain: what it is compiled as.
MACHINE_CHAIN = "machine_chain"
ENGINES = {MACHINE_CHAIN: ("stepfunctions", "batch")}
DATE = datetime(2026, 3, 1, tzinfo=timezone.utc)

_HEAD = """
from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
def job(task_id, command="true", **arguments):
    overrides = {"command": ["sh", "-c", command]}
    return BatchOperator(task_id=task_id, job_name=task_id, job_queue="remote-queue",
                         job_definition="remote-definition", container_overrides=overrides, **arguments)
"""


class Killed(BaseException):
    """The process that makes the calls dies here."""


@dataclass
class Clients:
    """Clients of the embedded AWS that count calls and let a test fail them.

    :param before: called with the operation's name before a call takes effect
    :param after: likewise, after it did
    """

    aws: EmbeddedAws
    before: Callable[[str], None] = lambda operation: None
    after: Callable[[str], None] = lambda operation: None
    calls: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)

    def client(self, service: str) -> Any:
        self.made[service] += 1
        return Client(_real(self.aws.aws, service), self)


@cache
def _real(aws: Aws, service: str) -> Any:
    """What stands behind all clients of a service: to make one takes longer than a call."""
    return aws.client(service)


class Client:
    def __init__(self, real: Any, clients: Clients) -> None:
        self._real, self._clients = real, clients

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name in {"meta", "get_waiter", "exceptions"}:
            return found
        if name == "get_paginator":
            return lambda operation: Paginator(found(operation), operation, self._clients)

        def call(**arguments: Any) -> Any:
            self._clients.calls[name] += 1
            self._clients.before(name)
            reply = found(**arguments)
            self._clients.after(name)
            return reply

        return call


@dataclass
class Paginator:
    real: Any
    operation: str
    clients: Clients

    def paginate(self, **arguments: Any) -> Any:
        self.clients.calls[self.operation] += 1
        self.clients.before(self.operation)
        return self.real.paginate(**arguments)


def _may_not_look(operation: str) -> None:
    if operation in {"describe_job_queues", "describe_job_definitions"}:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, operation)


class Remote:
    """An embedded AWS with a ledger, and DAGs to run on it."""

    def __init__(self, aws: EmbeddedAws, folder: Path) -> None:
        self.aws, self.folder = aws, folder
        self.clients = Clients(aws)
        # Whose holder does not find out before the submission that a job queue or a job definition is missing.
        self.blind = Clients(aws, before=_may_not_look)
        self.ledger = Ledger.connect(TABLE, aws.aws)
        self.ledger.create_table()
        aws.ensure_queue(QUEUE)
        aws.ensure_job_definition(DEFINITION, command=["true"])
        self.batch, self.sfn = aws.aws.client("batch"), aws.aws.client("stepfunctions")

    def own_client(self, service: str) -> Any:
        """A client that nobody else has: those of the embedded AWS are shared, with all that is registered with them."""
        return Aws.client(self.aws.aws, service)

    def compile(self, dag_id: str, body: str, target: str) -> Mapping[str, Any]:
        path = self.folder / f"{dag_id}.py"
        indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
        path.write_text(f"{_HEAD}\nwith DAG({dag_id!r}):\n{indented}")
        target, engine = ENGINES.get(target, (target, "states"))
        compiled = compile_paths([str(path)], Options(target, None, {"ledger_table": TABLE}, engine=engine))
        assert not compiled.diagnostics.failed, [str(finding) for finding in compiled.diagnostics]
        return compiled.artefacts[0].document

    def request(self, dag_id: str, run_id: str = "r", **values: Any) -> RunRequest:
        return RunRequest(dag_id, run_id, DATE, (DATE, DATE), **values)

    def submit(self, artefact: Mapping[str, Any], target: str, request: RunRequest, clients: Any = None) -> RunHandle:
        target, _ = ENGINES.get(target, (target, ""))
        role = ROLE_ARN if target == "stepfunctions" else None
        return lifecycle.submit(
            clients or self.clients, artefact, target, request, ledger_table=TABLE, role_arn=role, pace=PACE
        )

    def run(self, dag_id: str, body: str, target: str) -> RunHandle:
        """Submit a run and watch it to its end."""
        handle = self.submit(self.compile(dag_id, body, target), target, self.request(dag_id))
        self.watch(handle)
        return handle

    def watch(self, handle: RunHandle, clients: Any = None, seconds: float = 40) -> RunProgress:
        watcher, deadline = lifecycle.watcher(clients or self.clients, handle), time.monotonic() + seconds
        while not (progress := watcher.poll()).ended:
            assert time.monotonic() < deadline, (progress, self.states(handle))
            time.sleep(0.05)
        return progress

    def states(self, handle: RunHandle) -> dict[str, tuple[str, int]]:
        items = self.ledger.tasks(handle.dag_id, handle.run_id)
        return {item["task_id"]: (item["state"], item.get("try_number", 0)) for item in items}

    def task(self, handle: RunHandle, task_id: str) -> dict[str, Any]:
        return self.ledger.task(handle.dag_id, handle.run_id, task_id) or {}

    def run_item(self, handle: RunHandle) -> dict[str, Any]:
        return self.ledger.run(handle.dag_id, handle.run_id) or {}

    def jobs(self, prefix: str) -> list[Mapping[str, Any]]:
        """All jobs whose names start with ``prefix``, ever."""
        pages = self.batch.get_paginator("list_jobs").paginate(
            jobQueue=QUEUE, filters=[{"name": "JOB_NAME", "values": [f"{prefix}*"]}]
        )
        return [job for page in pages for job in page["jobSummaryList"]]

    def executions(self, handle: RunHandle) -> Sequence[Mapping[str, Any]]:
        machine = self.sfn.describe_execution(executionArn=handle.execution_arn)["stateMachineArn"]
        plain = ":".join(machine.split(":")[:7])
        found: Sequence[Mapping[str, Any]] = self.sfn.list_executions(stateMachineArn=plain)["executions"]
        return found
