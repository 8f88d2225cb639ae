"""Parts of the plugin's tests: a recording Step Functions, and workers as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import boto3
from ductwork.contracts.ledger import UNMAPPED, ended_prefix, run_pk
from ductwork_airflow.ledger import Item, Ledger
from forked_processes import ForkedProcesses, Running

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "eu-west-1"}
DAG_FILE = "dag.py"


def dynamodb(endpoint: str) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def count_ended(ledger: Ledger, dag_id: str, run_id: str, task_id: str, state: str) -> int:
    """How many instances of a mapped task have left a marker of ending in ``state``."""
    return len(list(ledger.partition(run_pk(dag_id, run_id), ended_prefix(task_id, state))))


def start_run(ledger: Ledger, dag_id: str, run_id: str, **attributes: Any) -> Item:
    """A run item as the first state of a state machine writes it."""
    given = {
        "run_type": "manual",
        "logical_date": "2026-03-01T00:00:00+00:00",
        "data_interval_start": "2026-03-01T00:00:00+00:00",
        "data_interval_end": "2026-03-01T00:00:00+00:00",
        "run_after": "2026-03-01T00:00:00+00:00",
        "conf": "{}",
        "dag_file": DAG_FILE,
        "tasks": {},
    }
    assert ledger.start_run(dag_id, run_id, **{**given, **attributes})
    run = ledger.run(dag_id, run_id)
    assert run is not None
    return run


class StepFunctions(ThreadingHTTPServer):
    """Records the calls of workers. ``refuse`` maps a token to the error its reports are answered with."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _StepFunctionsHandler)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refuse: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def of(self, token: str) -> list[tuple[str, dict[str, Any]]]:
        """``(operation, parameters without the token)`` of each report for ``token``, the output decoded."""
        found = []
        for operation, body in self.calls:
            if body.get("taskToken") == token:
                rest = {name: value for name, value in body.items() if name != "taskToken"}
                if "output" in rest:
                    rest["output"] = json.loads(rest["output"])
                found.append((operation, rest))
        return found


class _StepFunctionsHandler(BaseHTTPRequestHandler):
    server: StepFunctions

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        self.server.calls.append((operation, body))
        error = self.server.refuse.get(body.get("taskToken", ""))
        answer = json.dumps({"__type": error, "message": error} if error else {}).encode()
        self.send_response(400 if error else 200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


@dataclass
class Worked:
    """A worker that has ended."""

    code: int
    stdout: str
    stderr: str
    item: Item
    reports: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


@dataclass
class Workers:
    """Starts workers as AWS Batch would: processes that know nothing but their environment."""

    ledger: Ledger
    step_functions: StepFunctions
    environment: Mapping[str, str]
    dag_id: str
    run_id: str

    def _own(self, task_id: str, token: str | None) -> dict[str, str]:
        return {
            "DUCTWORK_DAG_ID": self.dag_id,
            "DUCTWORK_RUN_ID": self.run_id,
            "DUCTWORK_TASK_ID": task_id,
            "DUCTWORK_LEDGER_TABLE": self.ledger.table,
            "AWS_BATCH_JOB_ID": uuid.uuid4().hex,
            "AWS_BATCH_JOB_ATTEMPT": "1",
            **({"DUCTWORK_TASK_TOKEN": token} if token else {}),
        }

    def start(self, task_id: str, *, token: str | None = None, **variables: str) -> Running:
        """A worker that goes on, forked as those that :meth:`run` runs to their ends."""
        environment = {**self.environment, **self._own(task_id, token), **variables}
        return ForkedProcesses.shared().start("worker", [], environment)

    def finish(self, process: Running, task_id: str, *, token: str | None = None) -> Worked:
        code, stdout, stderr = process.wait(180)
        item = self.item(task_id)
        return Worked(code, stdout, stderr, item, self.step_functions.of(token) if token else [])

    def item(self, task_id: str, map_index: int = UNMAPPED) -> Item:
        return self.ledger.task(self.dag_id, self.run_id, task_id, map_index) or {}

    def start_run(self, **attributes: Any) -> Item:
        return start_run(self.ledger, self.dag_id, self.run_id, **attributes)

    def run(self, task_id: str, *, token: str | None = None, **variables: str) -> Worked:
        """Run a worker to its end. It is forked, see :mod:`forked_processes`."""
        return self._run({**self._own(task_id, token), **variables}, task_id, UNMAPPED, token)

    def run_fresh(self, task_id: str, *, token: str | None = None) -> Worked:
        """Run a worker to its end in a process that imports Airflow itself, as in a container."""
        done = subprocess.run(
            [sys.executable, "-m", "ductwork_airflow.worker"],
            env={**self.environment, **self._own(task_id, token)},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        reports = self.step_functions.of(token) if token else []
        return Worked(done.returncode, done.stdout, done.stderr, self.item(task_id), reports)

    def run_all(self, tokens: Mapping[str, str | None]) -> dict[str, Worked]:
        return {task_id: self.run(task_id, token=token) for task_id, token in tokens.items()}

    def run_mapped(self, instances: Sequence[tuple[str, int]], **variables: str) -> dict[tuple[str, int], Worked]:
        """Run instances of mapped tasks, -1 for one that is not mapped, one after the other."""
        return {
            (task_id, index): self._run(
                {**self._own(task_id, None), "DUCTWORK_MAP_INDEX": str(index), **variables}, task_id, index, None
            )
            for task_id, index in instances
        }

    def _run(self, own: Mapping[str, str], task_id: str, index: int, token: str | None) -> Worked:
        code, out, err = ForkedProcesses.shared().worker({**self.environment, **own})
        reports = self.step_functions.of(token) if token else []
        return Worked(code, out, err, self.item(task_id, index), reports)


def airflow_environment(home: Path, dags: Path) -> dict[str, str]:
    bundle = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(dags)},
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
    }


class MakeWorkers(Protocol):
    def __call__(self, dags: Path, dag_id: str, run_id: str, **variables: str) -> Workers: ...
