"""``ductwork upload``: a DAG folder goes to S3 once, and what S3 says against it is told."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import boto3
import pytest
from cli_process import Finished, ductwork
from harness import CREDENTIALS


@pytest.fixture
def s3(dynamodb_endpoint: str) -> Any:
    return boto3.client("s3", endpoint_url=dynamodb_endpoint, aws_access_key_id="a", aws_secret_access_key="b")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"code-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "dag.py").write_text("x = 1")
    return tmp_path / "dags"


def upload(folder: Path, location: str, endpoint: str, **environment: str) -> Finished:
    return ductwork("upload", folder, location, "--endpoint-url", endpoint, env={**CREDENTIALS, **environment})


def test_it_is_put_there_once(folder: Path, bucket: str, s3: Any, dynamodb_endpoint: str) -> None:
    first = upload(folder, f"s3://{bucket}/code/", dynamodb_endpoint)
    assert first.code == 0, first.err
    uri = first.out.strip()
    assert uri.startswith(f"s3://{bucket}/code/")
    key = uri.removeprefix(f"s3://{bucket}/")
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": "is", "Value": "there"}]})
    assert upload(folder, f"s3://{bucket}/code", dynamodb_endpoint).out == first.out
    assert s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"], "it was put there anew"
    (folder / "dag.py").write_text("x = 2")
    assert upload(folder, f"s3://{bucket}", dynamodb_endpoint).out != first.out
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 2


@pytest.mark.parametrize(
    ("location", "endpoint", "says"),
    [
        ("s3://no-such-bucket/code", None, "the bucket no-such-bucket does not exist"),
        ("my-bucket/code", None, "'my-bucket/code' is no place in S3: give s3://BUCKET/PREFIX"),
        ("s3://my-bucket/code", "http://127.0.0.1:9", "S3 cannot be reached"),
    ],
)
def test_what_is_in_the_way(
    folder: Path, dynamodb_endpoint: str, location: str, endpoint: str | None, says: str
) -> None:
    ended = upload(folder, location, endpoint or dynamodb_endpoint, AWS_MAX_ATTEMPTS="1")
    assert (ended.code, ended.out) == (1, "")
    assert "DW530" in ended.err
    assert says in ended.err.replace("\n", " ")


def test_a_folder_that_is_none(tmp_path: Path, dynamodb_endpoint: str) -> None:
    ended = upload(tmp_path / "dagz", "s3://my-bucket/code", dynamodb_endpoint)
    assert ended.code == 1
    assert "is no folder" in ended.err


def test_deploy_takes_the_files_of_one_folder_into_a_bucket_that_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "dag.py").write_text("x = 1")
    both = [folder / "dag.py", tmp_path / "other" / "dag.py"]
    told = [
        ductwork("deploy", *arguments, "--upload").err
        for arguments in ([folder], [folder, "--bucket", "b", "--dag-code", "s3://b/c"], [*both, "--bucket", "b"])
    ]
    assert [line.splitlines()[-1].partition(": /")[0] for line in told] == [
        "Error: --upload goes with --bucket",
        "Error: --upload says where the DAG files are; leave --dag-code out",
        f"Error: --upload takes the files of one folder, and these are of {folder} and {tmp_path / 'other'}: name that above them",
    ]
