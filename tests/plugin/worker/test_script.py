"""``ductwork script`` as a process: a script out of moto's S3 with its arguments, its environment and its exit code."""

from __future__ import annotations

import hashlib
import io
import signal
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import Finished, ductwork
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.worker.script import NOT_RUN
from harness import CREDENTIALS

SCRIPT = b'#!/bin/sh\necho "$MODE: $*"\nexit 7\n'


@pytest.fixture(scope="module")
def aws(dynamodb_endpoint: str) -> Aws:
    return Aws("us-east-1", dynamodb_endpoint, ("testing", "testing"))


@pytest.fixture(scope="module")
def put(aws: Aws) -> Callable[[str, bytes], str]:
    bucket = f"scripts-{uuid.uuid4().hex[:8]}"
    aws.client("s3").create_bucket(Bucket=bucket)

    def put(key: str, content: bytes) -> str:
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        return f"s3://{bucket}/{key}"

    return put


@pytest.fixture
def run(dynamodb_endpoint: str) -> Callable[..., Finished]:
    def run(*arguments: str, **environment: str) -> Finished:
        return ductwork(
            "script", *arguments, env={**CREDENTIALS, "AWS_ENDPOINT_URL_S3": dynamodb_endpoint, **environment}
        )

    return run


def test_arguments_environment_and_exit_code_are_passed_on(put, run) -> None:
    ended = run(put("a/run.sh", SCRIPT), "--day", "2026-03-01", "two words", MODE="full")
    assert (ended.code, ended.out) == (7, "full: --day 2026-03-01 two words\n"), ended.err


@pytest.mark.parametrize(
    ("content", "printed"),
    [
        (b"echo by $0 | sed 's/.*\\///'\n", "plain\n"),
        (b"#!/usr/bin/env python3\nimport sys; print(sys.argv[1:])\n", "[]\n"),
    ],
)
def test_what_runs_it(put, run, content, printed) -> None:
    ended = run(put("plain", content))
    assert (ended.code, ended.out) == (0, printed), ended.err


def test_the_variables_of_fetch_and_run(put, run) -> None:
    """The first argument is a name, as with that image."""
    ended = run("myjob.sh", "60", BATCH_FILE_S3_URL=put("x/myjob.sh", SCRIPT), BATCH_FILE_TYPE="script", MODE="m")
    assert (ended.code, ended.out) == (7, "m: 60\n")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("bin/go.sh", "#!/bin/sh\ncat ../note.txt\n")
        archive.writestr("note.txt", "beside it")
    uri = put("x.zip", packed.getvalue())
    assert run("bin/go.sh", BATCH_FILE_S3_URL=uri, BATCH_FILE_TYPE="zip").out == "beside it"
    missing = run("go.sh", BATCH_FILE_S3_URL=uri, BATCH_FILE_TYPE="zip")
    assert (missing.code, "there is no go.sh in the archive" in missing.err) == (NOT_RUN, True)


def test_another_content_than_asked_for_is_not_run(put, run) -> None:
    right = hashlib.sha256(SCRIPT).hexdigest()
    uri = put("hashed.sh", SCRIPT)
    assert run("--sha256", right.upper(), uri, MODE="m").code == 7
    put("hashed.sh", b"#!/bin/sh\nrm -rf everything\n")
    ended = run("--sha256", right, uri)
    assert (ended.code, ended.out) == (NOT_RUN, "")
    assert "it was written over" in ended.err


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("s3://no-such-bucket/a.sh", "the bucket no-such-bucket does not exist"),
        ("{bucket}/gone.sh", "gone.sh is not run: it does not exist"),
        ("run.sh", "'run.sh' is no script: give s3://BUCKET/KEY"),
    ],
)
def test_what_is_in_the_way(put, run, uri, says) -> None:
    ended = run(uri.format(bucket=put("here.sh", SCRIPT).removesuffix("/here.sh")))
    assert (ended.code, ended.out) == (NOT_RUN, "")
    assert says in ended.err


def test_an_interpreter_that_is_not_there_is_named(put, run) -> None:
    ended = run(put("windows.sh", b"#!/bin/sh\r\necho\r\n"))
    assert (ended.code, "#!/bin/sh\\r" in ended.err) == (NOT_RUN, True)


def test_a_signal_reaches_it(put, dynamodb_endpoint: str) -> None:
    uri = put("trap.sh", b"#!/bin/sh\ntrap 'echo stopped; exit 9' TERM\necho ready\nwhile :; do sleep 0.1; done\n")
    process = subprocess.Popen(
        [Path(sys.executable).parent / "ductwork", "script", uri],
        env={"PATH": "/usr/bin:/bin", **CREDENTIALS, "AWS_ENDPOINT_URL_S3": dynamodb_endpoint},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert (process.communicate(timeout=60)[0], process.returncode) == ("stopped\n", 9)
