"""What surrounds the engine: isolation from the user's AWS, state between processes, start-up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
from ductwork_airflow.embedded_aws.services import EmbeddedAws, strip_aws_variables
from ductwork_airflow.embedded_aws.tables import StateFileError
from ductwork_airflow.ledger import Ledger

USERS = {
    "AWS_PROFILE": "company",
    "AWS_CONFIG_FILE": "/home/user/.aws/config",
    "AWS_SESSION_TOKEN": "secret",
    "AWS_ROLE_ARN": "arn:aws:iam::1:role/x",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2/",
    "AWS_ENDPOINT_URL_S3": "https://s3.example.com",
    "BOTO_CONFIG": "/etc/boto.cfg",
    "AIRFLOW_VAR_X": "kept",
    "HTTP_PROXY": "http://proxy:3128",
    "NO_PROXY": "intranet",
}


def embedded(pool: WorkerPool, directory: Path) -> EmbeddedAws:
    return EmbeddedAws(pool=pool, jobs=2, log_dir=directory / "logs", state_file=directory / "state.json")


def test_nothing_of_the_users_aws_passes() -> None:
    kept = {"AIRFLOW_VAR_X": "kept", "HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "intranet"}
    assert strip_aws_variables(USERS) == kept


def test_the_jobs_environment(pool: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in USERS.items():
        monkeypatch.setenv(name, value)
    with embedded(pool, tmp_path) as aws:
        found = aws.job_environment()
        assert os.environ["AWS_CONFIG_FILE"] == os.devnull  # this process reads none of the user's files either
        assert aws.aws.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert {name: value for name, value in found.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        # And no Region, as on AWS: the jobs of a compiled schedule bring it.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    assert found["AIRFLOW_VAR_X"] == "kept"
    assert found["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert os.environ["AWS_PROFILE"] == "company"


def test_tables_outlive_the_engine(pool: WorkerPool, tmp_path: Path) -> None:
    with embedded(pool, tmp_path) as aws:
        ledger = Ledger.connect("ledger", aws.aws)
        ledger.create_table()
        ledger.start_run("dag", "run", conf={"n": 1.5, "l": [None, True, "é"]})
        ledger.put_xcom("dag", "run", "t", "return_value", {"a": 1})
        ledger.put("p", "expired", {"expires_at": 1})
        aws.save_tables()
    with embedded(pool, tmp_path) as aws:
        ledger = Ledger.connect("ledger", aws.aws)
        assert ledger.create_table() is False
        [run] = ledger.runs("dag")
        assert run["conf"] == {"n": 1.5, "l": [None, True, "é"]}
        assert ledger.get("p", "expired") is None
        ledger.delete("p", "expired")
        ledger.delete_xcom("dag", "run", "t", "return_value")
        aws.save_tables()
    with embedded(pool, tmp_path) as aws:
        assert Ledger.connect("ledger", aws.aws).xcom("dag", "run", "t", "return_value") is None


def test_saving_keeps_what_others_have_added(pool: WorkerPool, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with embedded(pool, other) as aws:
        Ledger.connect("ledger", aws.aws).create_table()
        Ledger.connect("ledger", aws.aws).put("theirs", "s", {"x": 1})
        aws.save_tables()
    with embedded(pool, tmp_path) as aws:
        ledger = Ledger.connect("ledger", aws.aws)
        ledger.create_table()
        ledger.put("ours", "s", {"x": 2})
        (other / "state.json").rename(tmp_path / "state.json")
        aws.save_tables()
    with embedded(pool, tmp_path) as aws:
        ledger = Ledger.connect("ledger", aws.aws)
        assert [(ledger.get(pk, "s") or {}).get("x") for pk in ("theirs", "ours")] == [1, 2]


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"tables": {}}', '{"version": 9}', '{"version": 1, "tables": {"t": {}}}']
)
def test_a_damaged_state_file_is_named(pool: WorkerPool, tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    before = dict(os.environ)
    with pytest.raises(StateFileError, match="state.json"), embedded(pool, tmp_path):
        pass
    assert dict(os.environ) == before
    assert (tmp_path / "state.json").read_text() == content


def test_concurrent_conditional_writes_have_one_winner(pool: WorkerPool, tmp_path: Path) -> None:
    with embedded(pool, tmp_path) as aws:
        ledger = Ledger.connect("ledger", aws.aws)
        ledger.create_table()
        with ThreadPoolExecutor(16) as threads:
            won = list(threads.map(lambda _: ledger.start_run("dag", "run"), range(64)))
    assert sum(won) == 1


def test_queues_and_definitions_by_any_name(pool: WorkerPool, tmp_path: Path) -> None:
    queue = "arn:aws:batch:eu-west-1:999999999999:job-queue/theirs"
    definition = "arn:aws:batch:eu-west-1:999999999999:job-definition/worker:7"
    with embedded(pool, tmp_path) as aws:
        for _ in range(2):
            aws.ensure_queue(queue)
            aws.ensure_job_definition(definition, command=["echo", "Ref::p"], parameters={"p": "default"})
        batch = aws.aws.client("batch")
        id = batch.submit_job(jobName="j", jobQueue=queue, jobDefinition=definition)["jobId"]
        [job] = batch.describe_jobs(jobs=[id])["jobs"]
        assert job["container"]["command"] == ["echo", "default"]
        by_name = batch.list_jobs(jobQueue="theirs", filters=[{"name": "JOB_NAME", "values": ["j"]}])
        assert [found["jobId"] for found in by_name["jobSummaryList"]] == [id]


SILENT = """
import sys
from pathlib import Path
from ductwork_airflow.embedded_aws.services import EmbeddedAws
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
with WorkerPool(preload=False) as pool, EmbeddedAws(pool=pool, jobs=1, log_dir=Path(sys.argv[1])) as aws:
    sfn = aws.aws.client("stepfunctions")
    try:
        sfn.create_state_machine(name="bad", definition="{", roleArn="arn:aws:iam::123456789012:role/any")
    except sfn.exceptions.InvalidDefinition:
        print("refused")
    print("airflow" in sys.modules)
"""


def test_the_engine_is_silent_and_imports_no_airflow(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SILENT, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "refused\nFalse\n", "")


def ask(connection: HTTPConnection) -> dict[str, object]:
    headers = {
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request",
    }
    connection.request("POST", "/", b"{}", headers)
    found: dict[str, object] = json.loads(connection.getresponse().read())
    return found


def test_a_connection_takes_several_requests_and_none_after_the_end(pool: WorkerPool, tmp_path: Path) -> None:
    with embedded(pool, tmp_path) as aws:
        connection = HTTPConnection(urlsplit(aws.endpoint_url).netloc)
        connection.connect()
        kept = connection.sock
        for _ in range(2):
            assert ask(connection) == {"TableNames": []}
            assert connection.sock is kept
        # What was asked is read to its end even where moto does not look at it.
        connection.request("PUT", "/moto-api/unknown", b"x" * 100_000)
        assert connection.getresponse().read() != b""
        assert ask(connection) == {"TableNames": []}
    with pytest.raises((RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
        ask(connection)


def test_no_threads_are_left(pool: WorkerPool, tmp_path: Path) -> None:
    with embedded(pool, tmp_path):
        pass
    left = {thread.name for thread in threading.enumerate() if thread.name in {"ductwork-batch", "ductwork-aws"}}
    assert left == set()
