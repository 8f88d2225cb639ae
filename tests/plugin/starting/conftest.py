"""An embedded AWS with DAGs that are deployed, and what starts them from outside beside them."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ductwork.cloudformation.starting.machines import Places
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
from ductwork_airflow.embedded_aws.services import ROLE_ARN, EmbeddedAws
from jsonata_reference import judged
from remote_runs import DEFINITION, QUEUE, TABLE, Remote

COMMANDS = {"good": "true", "bad": "test -e {flag}"}
REQUESTS = "requests"


@dataclass
class Outside:
    """:param places: of the resources under test"""

    remote: Remote
    places: Places
    topic: str
    flag: Path

    def machine(self, name: str, definition: Mapping[str, Any]) -> str:
        """Deploy a small machine with its places filled in; its ARN."""
        filled = {f"Machine{number}": arn for number, arn in enumerate(self.places.machines.values(), start=1)}
        filled |= {"Ledger": TABLE, "JobQueue": QUEUE, "JobDefinition": DEFINITION, "Region": "us-east-1"}
        filled |= {"Requests": REQUESTS, "Topic": self.topic}
        text = json.dumps(definition)
        for place, value in filled.items():
            text = text.replace(f"${{{place}}}", str(value))
        assert "${" not in text
        return str(
            self.remote.sfn.create_state_machine(name=name, definition=text, roleArn=ROLE_ARN)["stateMachineArn"]
        )

    def execute(self, machine: str, given: object) -> dict[str, Any]:
        """Run a machine to its end; the answer of DescribeExecution."""
        arn = self.remote.sfn.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        return self.ended(arn)

    def ended(self, execution: str) -> dict[str, Any]:
        deadline = time.monotonic() + 90
        while (found := self.remote.sfn.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return dict(found)


@pytest.fixture(scope="module")
def outside(pool: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("outside")
    flag = folder / "mended"
    path = os.environ["PATH"]
    # Control jobs run the command line as a container of the worker's image does.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{path}"
    try:
        with judged(), EmbeddedAws(pool=pool, jobs=4, log_dir=folder / "logs") as aws:
            remote = Remote(aws, folder)
            machines = {}
            for dag_id, command in COMMANDS.items():
                body = f"job('work', {command.format(flag=flag)!r}, retries=0) >> EmptyOperator(task_id='end')"
                handle = remote.run(dag_id, body, "stepfunctions")
                machines[dag_id] = remote.sfn.describe_execution(executionArn=handle.execution_arn)["stateMachineArn"]
            topic = aws.aws.client("sns").create_topic(Name="ends")["TopicArn"]
            yield Outside(remote, Places(machines, TABLE, "arn", QUEUE, DEFINITION), topic, flag)
    finally:
        os.environ["PATH"] = path
