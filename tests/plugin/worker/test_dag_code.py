"""Workers whose DAG files are in S3: what a job names is what its task runs, whatever is uploaded meanwhile."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from ductwork.contracts.ledger import run_pk, task_sk
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.dag_code.archive import pack
from ductwork_airflow.dag_code.store import upload
from ductwork_airflow.worker import EXIT_FAILED, EXIT_OK
from harness import MakeWorkers, Workers

DAG = """
from airflow.sdk import DAG, task
from lib.version import VERSION


def tell(context):
    print("called back by", VERSION)


with DAG("code", on_failure_callback=tell):
    @task
    def first():
        return VERSION

    @task(trigger_rule="all_done")
    def second():
        return open(__file__.replace("dag.py", "lib/version.py")).read()

    first() >> second()
"""


@pytest.fixture(scope="module")
def aws(dynamodb_endpoint: str) -> Aws:
    return Aws("eu-west-1", dynamodb_endpoint, ("testing", "testing"))


@pytest.fixture(scope="module")
def bucket(aws: Aws) -> str:
    name = f"code-{uuid.uuid4().hex[:8]}"
    aws.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return name


@pytest.fixture(scope="module")
def put(tmp_path_factory: pytest.TempPathFactory, aws: Aws, bucket: str) -> Callable[[int], str]:
    """Uploads a version of the DAG folder; its URI."""

    def put(version: int) -> str:
        folder: Path = tmp_path_factory.mktemp("version")
        (folder / "dags" / "lib").mkdir(parents=True)
        (folder / "dags" / "lib" / "version.py").write_text(f"VERSION = {version}")
        (folder / "dags" / "dag.py").write_text(DAG)
        return upload(pack(folder / "dags", folder), f"s3://{bucket}/code", aws)

    return put


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory, make_workers: MakeWorkers, dynamodb_endpoint: str) -> Workers:
    """The image has no DAG files."""
    return make_workers(
        tmp_path_factory.mktemp("image"),
        "code",
        "",
        AWS_ENDPOINT_URL_S3=dynamodb_endpoint,
        AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH=str(tmp_path_factory.mktemp("storage")),
    )


@pytest.fixture
def workers(containers: Workers, run_id: str) -> Workers:
    """Of a run of the test's own."""
    return replace(containers, run_id=run_id)


def value(workers: Workers, task_id: str) -> object:
    found = workers.ledger.xcom(workers.dag_id, workers.run_id, task_id, "return_value")
    return found and found["value"]


def test_a_run_keeps_the_files_that_it_was_started_with(workers: Workers, put: Callable[[int], str], aws: Aws) -> None:
    workers.start_run()
    uri = put(1)
    first = workers.run("first", DUCTWORK_DAG_CODE=uri)
    assert first.item["state"] == "success", first.output
    other = put(2)  # deployed in mid-run
    aws.client("s3").delete_object(Bucket=uri.split("/")[2], Key="/".join(uri.split("/")[3:]))
    second = workers.run("second", DUCTWORK_DAG_CODE=uri)  # which the container has already
    assert second.item["state"] == "success", second.output
    assert (value(workers, "first"), value(workers, "second")) == (1, "VERSION = 1")
    workers.ledger.delete(run_pk(workers.dag_id, workers.run_id), task_sk("first"))
    assert workers.run("first", DUCTWORK_DAG_CODE=other).item["state"] == "success"
    assert value(workers, "first") == 2


def test_callbacks_of_the_dag_are_in_it(workers: Workers, put: Callable[[int], str]) -> None:
    workers.start_run(state="failed")
    ended = workers.run("", DUCTWORK_DAG_CODE=put(7), DUCTWORK_CALLBACK="run")
    assert ended.code == EXIT_OK
    assert "called back by 7" in ended.output


@pytest.mark.parametrize("tries", [0, 2])
@pytest.mark.parametrize(
    ("uri", "says"),
    [
        (f"s3://{{bucket}}/code/{'0' * 64}.zip", "it is not there any more"),
        (f"s3://no-such-bucket/code/{'0' * 64}.zip", "the bucket no-such-bucket does not exist"),
        ("s3://{bucket}/code/dags.zip", "does not name DAG code"),
    ],
)
def test_what_cannot_be_fetched_fails_the_task_at_once(
    workers: Workers, bucket: str, uri: str, says: str, tries: int
) -> None:
    workers.start_run(tasks={"first": {"max_tries": tries}})
    ended = workers.run("first", DUCTWORK_DAG_CODE=uri.format(bucket=bucket))
    assert (ended.code, ended.item["state"]) == (EXIT_FAILED, "failed"), ended.output
    assert says in ended.item["error"]


def test_what_was_written_over_is_not_run(workers: Workers, bucket: str, put: Callable[[int], str], aws: Aws) -> None:
    workers.start_run()
    uri, other = put(3), put(4)
    source = {"Bucket": bucket, "Key": other.removeprefix(f"s3://{bucket}/")}
    aws.client("s3").copy_object(Bucket=bucket, Key=uri.removeprefix(f"s3://{bucket}/"), CopySource=source)
    ended = workers.run("first", DUCTWORK_DAG_CODE=uri, DUCTWORK_TASK_TOKEN=(token := uuid.uuid4().hex))
    error = f"the DAG code {uri} cannot be used: what is in it has the hash {other[-68:-4]}: it was written over"
    assert ended.item["error"].startswith(error)
    ((operation, report),) = workers.step_functions.of(token)
    assert (operation, report["error"]) == ("SendTaskFailure", "Ductwork.Failed")


def test_what_s3_does_not_answer_is_tried_again(workers: Workers, bucket: str) -> None:
    workers.start_run(tasks={"first": {"max_tries": 1}})
    uri, nobody = f"s3://{bucket}/code/{'1' * 64}.zip", "http://127.0.0.1:9"
    ended = workers.run("first", DUCTWORK_DAG_CODE=uri, AWS_ENDPOINT_URL_S3=nobody, DUCTWORK_TASK_TOKEN="t")
    assert ended.item["state"] == "up_for_retry"
    assert "S3 cannot be reached" in ended.item["error"]


def test_who_may_not_read_it_is_told_what_to_grant(bucket: str, put: Callable[[int], str], tmp_path: Path) -> None:
    from ductwork_airflow.dag_code.store import fetch
    from ductwork_airflow.dag_code.tree import DagCodeError

    uri = put(5)
    with pytest.raises(DagCodeError, match="access is denied: the role needs s3:GetObject"):
        fetch(uri, tmp_path, Refusing())
    assert list(tmp_path.iterdir()) == []


class Refusing(Aws):
    """S3 of a role that may not: moto checks no policies here, so botocore's Stubber answers."""

    def client(self, service: str) -> Any:
        from botocore.stub import Stubber

        client = boto3.client(service, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
        stubber = Stubber(client)
        stubber.add_client_error("get_object", "AccessDenied", "Access Denied", 403)
        stubber.activate()
        return client


def test_a_full_disk_is_said(put: Callable[[int], str], aws: Aws, tmp_path: Path) -> None:
    """A file in the place of the folder: whatever the system says against it is told."""
    from ductwork_airflow.dag_code.store import fetch
    from ductwork_airflow.dag_code.tree import DagCodeError

    (tmp_path / "storage").write_text("")
    with pytest.raises(DagCodeError, match=r"cannot be unpacked in .*storage.*AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE"):
        fetch(put(6), tmp_path / "storage", aws)


def test_other_bundles_of_the_image_stay(workers: Workers, tmp_path: Path) -> None:
    from ductwork_airflow.dag_code.bundle import configure

    name = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
    environ = {name: json.dumps([{"name": "shared", "classpath": "a.B", "kwargs": {}}, {"name": "dags-folder"}])}
    configure(environ, "dags-folder", f"s3://b/{'0' * 64}.zip", None)
    assert [each["name"] for each in json.loads(environ[name])] == ["shared", "dags-folder"]
    assert json.loads(environ[name])[1]["kwargs"]["uri"].startswith("s3://b/")
