"""An embedded AWS with CloudFormation, to which DAGs are deployed, and a record of what its callers ask of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import moto_cloudformation
import moto_simulation
import pytest
from botocore.config import Config
from cryptography.fernet import Fernet
from ductwork_airflow.deploying.deployment import Order, deploy
from ductwork_airflow.deploying.stack_status import Pace
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
from ductwork_airflow.embedded_aws.services import CREDENTIALS, EmbeddedAws
from ductwork_airflow.local.provision import worker_environment
from request_record import Record

PACE = Pace(pause=0.01, patience=10)


class Account:
    """An account to deploy to.

    :ivar record: what is asked of its services
    """

    def __init__(self, embedded: EmbeddedAws, folder: Path, record: Record) -> None:
        self.embedded, self.aws, self.folder, self.record = embedded, embedded.aws, folder, record
        embedded.ensure_queue("jobs")
        queue, *_ = embedded.aws.client("batch").describe_job_queues()["jobQueues"]
        self.queue_arn = queue["jobQueueArn"]
        self.told: list[str] = []
        self.plain_client("s3").create_bucket(Bucket="templates")

    def plain_client(self, service: str) -> Any:
        """A client that the record does not take for one of Ductwork's, nor for a machine's."""
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=self.embedded.endpoint_url,
            aws_access_key_id=CREDENTIALS[0],
            aws_secret_access_key=CREDENTIALS[1],
            config=Config(user_agent="a-test"),
        )

    def order(self, **parameters: str) -> Order:
        return Order("ductwork", "templates", {"ExistingJobQueueArn": self.queue_arn, **parameters}, "image:1")

    def deploy(self, stacks: Any, *, dry_run: bool = False, **parameters: str) -> dict[str, str]:
        self.told.clear()
        return deploy(self.aws, stacks, self.order(**parameters), self.told.append, PACE, dry_run=dry_run)

    def run(self, machine: str, seconds: float = 90) -> dict[str, Any]:
        """Start an execution as anybody may, and wait for its end; its description."""
        client = self.plain_client("stepfunctions")
        arn = f"arn:aws:states:us-east-1:123456789012:stateMachine:{machine}"
        execution = client.start_execution(stateMachineArn=arn)["executionArn"]
        deadline = time.monotonic() + seconds
        while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return dict(found)

    def items(self, prefix: str) -> list[dict[str, Any]]:
        """The ledger's items whose partition keys begin so."""
        found = self.plain_client("dynamodb").scan(TableName="ductwork")["Items"]
        return [item for item in found if item["pk"]["S"].startswith(prefix)]


@contextmanager
def an_account(folder: Path, monkeypatch: pytest.MonkeyPatch, jobs: int) -> Iterator[Account]:
    moto_cloudformation.complete(monkeypatch)
    moto_simulation.complete(monkeypatch)
    # What an image brings: where its DAG files are, and the key of its Variables.
    key = {"AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode()}
    kept = {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(folder / "storage")}
    for name, value in {**worker_environment(str(folder)), **key, **kept}.items():
        monkeypatch.setenv(name, value)
    record = Record()
    record.install(monkeypatch)
    with WorkerPool() as pool, EmbeddedAws(pool=pool, jobs=jobs, log_dir=folder / "logs") as embedded:
        yield Account(embedded, folder, record)
