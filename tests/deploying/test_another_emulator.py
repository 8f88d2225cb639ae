"""Deploying to an AWS of somebody else's making: its CloudFormation, its Step Functions, its JSONata, our workers.

Everything else is tested on moto, which the embedded AWS is made of, and a mistake that we and moto share stays unseen.
MiniStack shares no code with it. What it lacks of Batch, support/ministack_jobs.py adds.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from cli_process import Finished, ductwork
from cryptography.fernet import Fernet

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:elsewhere"
ROOT = Path(__file__).parents[2]
MINISTACK = "ministack==1.5.33"
DAG = """
from airflow.sdk import DAG, task
from factors import FACTOR

with DAG("elsewhere"):
    @task
    def numbers(): return [1, 2, 3]

    @task
    def times(number): return FACTOR * number

    @task(retries=1, retry_delay=0)
    def total(numbers, ti=None):
        if ti.try_number == 1:
            raise ValueError("told to")
        return sum(numbers)

    total(times.expand(number=numbers()))
"""


@dataclass
class Elsewhere:
    """:param environment: by which AWS's clients find it"""

    environment: Mapping[str, str]
    folder: Path

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def ductwork(self, *arguments: object) -> Finished:
        return ductwork(*arguments, env=self.environment)

    def deploy(self, factor: int, *options: str) -> dict[str, str]:
        (self.folder / "dags" / "factors.py").write_text(f"FACTOR = {factor}")
        place = ("--image", "image:1", "--bucket", "code", "--upload")
        done = self.ductwork("deploy", self.folder / "dags", *place, *options)
        assert done.code == 0, done.err
        return dict(json.loads(done.out))

    def total(self) -> int:
        """What a run's last task returns."""
        execution = self.client("stepfunctions").start_execution(stateMachineArn=MACHINE)["executionArn"]
        self.succeeded(execution)
        items = self.client("dynamodb").scan(TableName="ductwork")["Items"]
        run = max(item["pk"]["S"] for item in items if item["pk"]["S"].startswith("run#elsewhere#"))
        kept = {item["sk"]["S"]: item for item in items if item["pk"]["S"] == run}
        assert kept["run"]["state"] == {"S": "success"}
        return int(kept["xcom#total#return_value#-1"]["value"]["S"])

    def succeeded(self, execution: str) -> None:
        """Wait for an execution that ends well."""
        states = self.client("stepfunctions")
        deadline = time.monotonic() + 180
        while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < deadline, found
            time.sleep(0.5)
        assert found["status"] == "SUCCEEDED", found

    def carry_out(self, table: str, **row: Any) -> str:
        """Put a row into the table of requests, and hand it on as EventBridge Pipes does; what its status becomes.

        MiniStack's Pipes knows no input templates.
        """
        dynamodb, states = self.client("dynamodb"), self.client("stepfunctions")
        dynamodb.put_item(TableName=table, Item=row)
        machines = states.list_state_machines()["stateMachines"]
        (machine,) = [each["stateMachineArn"] for each in machines if "-RequestMachine-" in each["name"]]
        given = json.dumps({"row": row})
        self.succeeded(states.start_execution(stateMachineArn=machine, input=given)["executionArn"])
        return str(dynamodb.get_item(TableName=table, Key={"id": row["id"]})["Item"]["status"]["S"])


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    home = tmp_path / "ministack"
    venv.create(home, with_pip=True)
    # It wants other versions than constraints.txt has, so it gets a place of its own.
    subprocess.run([home / "bin" / "pip", "install", "--quiet", MINISTACK], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    of_jobs = {
        "JOB_PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(tmp_path / "storage"),
    }
    command = [home / "bin" / "python", ROOT / "tests" / "support" / "ministack_jobs.py", tmp_path / "jobs"]
    given = {**os.environ, **of_jobs, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"}
    with (tmp_path / "ministack.log").open("wb") as log:
        server = subprocess.Popen(command, env=given, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert server.poll() is None and time.monotonic() < deadline, (tmp_path / "ministack.log").read_text()
            time.sleep(0.2)
        made = Elsewhere(places, tmp_path)
        (tmp_path / "dags").mkdir()
        (tmp_path / "dags" / "elsewhere.py").write_text(DAG)
        made.client("s3").create_bucket(Bucket="code")
        yield made
    finally:
        server.terminate()
        server.wait()


@pytest.mark.long
def test_what_is_deployed_to_ministack_runs_there_and_goes_away_again(elsewhere):
    both = ("ductwork", "ductwork-elsewhere")
    assert elsewhere.deploy(2) == dict.fromkeys(both, "deployed")
    assert elsewhere.total() == 12
    assert elsewhere.deploy(2) == dict.fromkeys(both, "unchanged")
    assert elsewhere.deploy(3) == {"ductwork": "unchanged", "ductwork-elsewhere": "deployed"}
    assert elsewhere.total() == 18
    # The versions of the files that the two runs had.
    assert len(list((elsewhere.folder / "storage").glob("*/versions/*"))) == 2
    assert elsewhere.deploy(3, "--requests", "table", "--requests", "notices")["ductwork--requests"] == "deployed"
    stack = elsewhere.client("cloudformation").describe_stacks(StackName="ductwork--requests")["Stacks"][0]
    table = next(each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "RequestTable")
    of = {"dag_id": {"S": "elsewhere"}, "run_id": {"S": "manual__row"}}
    assert elsewhere.carry_out(table, id={"S": "1"}, action={"S": "start"}, **of) == "success"
    assert (
        elsewhere.carry_out(table, id={"S": "2"}, action={"S": "restart"}, tasks={"SS": ["total"]}, **of) == "restarted"
    )
    *_, again = elsewhere.client("stepfunctions").list_executions(stateMachineArn=MACHINE)["executions"][:1]
    elsewhere.succeeded(again["executionArn"])
    total = {"pk": {"S": "run#elsewhere#manual__row"}, "sk": {"S": "task#total#-1"}}
    item = elsewhere.client("dynamodb").get_item(TableName="ductwork", Key=total)["Item"]
    # Two tries at first, and those after the restart.
    assert (item["state"], item["try_number"]) == ({"S": "success"}, {"N": "3"})
    assert elsewhere.deploy(3, "--requests", "none")["ductwork--requests"] == "deleted"
    gone = elsewhere.ductwork("undeploy", "--all", "--delete-ledger")
    assert json.loads(gone.out) == dict.fromkeys(both, "deleted"), gone.err
    assert elsewhere.client("stepfunctions").list_state_machines()["stateMachines"] == []
