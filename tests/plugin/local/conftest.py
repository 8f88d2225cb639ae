"""One embedded AWS for all tests of a module, jobs being plain commands."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ductwork.contracts import ledger as schema
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
from ductwork_airflow.embedded_aws.services import ROLE_ARN, EmbeddedAws
from ductwork_airflow.ledger import Ledger
from jsonata_reference import judged

MOST_WRITES = 25  # of one BatchWriteItem
QUEUE, DEFINITION = "queue", "definition"
TERMINAL = {"SUCCEEDED", "FAILED"}


class Embedded:
    """The embedded AWS with the clients and the waiting that tests need."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws
        self.batch, self.sfn = aws.aws.client("batch"), aws.aws.client("stepfunctions")
        self.dynamodb, self.logs = aws.aws.client("dynamodb"), aws.aws.client("logs")
        self._machines = 0

    def submit(self, *command: str, **request: Any) -> str:
        overrides = {"command": list(command)} | request.pop("overrides", {})
        reply = self.batch.submit_job(
            **{"jobName": "job", "jobQueue": QUEUE, "jobDefinition": DEFINITION, "containerOverrides": overrides}
            | request
        )
        return reply["jobId"]

    def job(self, job_id: str) -> dict[str, Any]:
        return self.batch.describe_jobs(jobs=[job_id])["jobs"][0]

    def ended(self, job_id: str, seconds: float = 15) -> dict[str, Any]:
        return self.until(job_id, TERMINAL, seconds)

    def until(self, job_id: str, states: set[str], seconds: float = 15) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while (job := self.job(job_id))["status"] not in states:
            assert time.monotonic() < deadline, f"still {job['status']}"
            time.sleep(0.01)
        return job

    def fill(self, book: Ledger, number: int, first: int) -> None:
        """Give the instance ``first`` of d, r, t and those after it an XCom, many in a request."""
        book.put_xcom("d", "r", "t", "k", 0, map_index=first)
        key = {"pk": {"S": schema.run_pk("d", "r")}, "sk": {"S": schema.xcom_sk("t", "k", first)}}
        item = self.dynamodb.get_item(TableName=book.table, Key=key)["Item"]
        keys = [schema.xcom_sk("t", "k", index) for index in range(first, first + number)]
        for at in range(0, number, MOST_WRITES):
            writes = [{"PutRequest": {"Item": {**item, "sk": {"S": sk}}}} for sk in keys[at : at + MOST_WRITES]]
            assert not self.dynamodb.batch_write_item(RequestItems={book.table: writes})["UnprocessedItems"]

    def start(self, states: Mapping[str, Any], value: Any = None, **top: Any) -> str:
        self._machines += 1
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **top}
        machine = self.sfn.create_state_machine(
            name=f"machine-{self._machines}", definition=json.dumps(definition), roleArn=ROLE_ARN
        )
        reply = self.sfn.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(value or {}))
        return reply["executionArn"]

    def finished(self, execution: str, seconds: float = 20) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while (found := self.sfn.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "still running"
            time.sleep(0.01)
        return found

    def run(self, states: Mapping[str, Any], value: Any = None, **top: Any) -> Any:
        """The output of a successful execution, ``(status, error)`` of another."""
        found = self.finished(self.start(states, value, **top))
        return json.loads(found["output"]) if "output" in found else (found["status"], found.get("error"))


@pytest.fixture(scope="module")
def embedded(pool: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    logs: Path = tmp_path_factory.mktemp("logs")
    with judged(), EmbeddedAws(pool=pool, jobs=4, log_dir=logs) as aws:
        aws.ensure_queue(QUEUE)
        aws.ensure_job_definition(
            DEFINITION, command=["sh", "-c", "exit 9"], environment={"FROM": "definition", "BOTH": "definition"}
        )
        yield Embedded(aws)


def job_task(*command: str, **fields: Any) -> dict[str, Any]:
    """A Task state that runs a command, with its token, its try number and its Region in the environment."""
    environment = [
        {"Name": "TOKEN", "Value": "{% $states.context.Task.Token %}"},
        {"Name": "TRY", "Value": "{% $string($states.context.State.RetryCount + 1) %}"},
        {"Name": "AWS_DEFAULT_REGION", "Value": "{% $split($states.context.Execution.Id, ':')[3] %}"},
    ]
    arguments = {
        "JobName": "job",
        "JobQueue": QUEUE,
        "JobDefinition": DEFINITION,
        "ContainerOverrides": {"Command": list(command), "Environment": environment},
    }
    state = {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "Arguments": arguments, **fields}
    return state if "Next" in fields else {"End": True, **state}
