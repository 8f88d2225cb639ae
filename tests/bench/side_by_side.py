"""The same ten steps for Metaflow, MWAA Serverless' converter and Ductwork: what each makes of them, in bytes.

``python tests/bench/side_by_side.py [FOLDER]``: FOLDER (by default build/side-by-side) gets an environment for each of
the others, which takes some minutes the first time. Metaflow asks AWS for its job queue, so MiniStack stands for AWS.
The figures are in docs/comparison.md.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping
from pathlib import Path

FLOWS = Path(__file__).with_suffix("")
ENVIRONMENTS = {
    "metaflow": "metaflow==2.19.39",
    "converter": "python-to-yaml-dag-converter-mwaa-serverless==0.1.4",
    "ministack": "ministack==1.5.33",
}
PORT, STEPS = 4573, 10
AWS = {
    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{PORT}",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
ROLE = "arn:aws:iam::000000000000:role/any"
METAFLOW = {
    "METAFLOW_DEFAULT_DATASTORE": "s3",
    "METAFLOW_DATASTORE_SYSROOT_S3": "s3://flows/metaflow",
    "METAFLOW_S3_ENDPOINT_URL": AWS["AWS_ENDPOINT_URL"],
    "METAFLOW_BATCH_JOB_QUEUE": "jobs",
    "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": ROLE,
    "METAFLOW_SFN_IAM_ROLE": ROLE,
    "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": ROLE,
    "METAFLOW_SFN_DYNAMO_DB_TABLE": "flows",
    "METAFLOW_USER": "somebody",
    "USERNAME": "somebody",
}
ACCOUNT = """
import boto3
boto3.client("s3").create_bucket(Bucket="flows")
batch = boto3.client("batch")
batch.create_compute_environment(
    computeEnvironmentName="machines", type="MANAGED",
    computeResources={"type": "EC2", "minvCpus": 0, "maxvCpus": 4, "subnets": ["subnet-1"]},
)
order = [{"order": 1, "computeEnvironment": "machines"}]
batch.create_job_queue(jobQueueName="jobs", priority=1, computeEnvironmentOrder=order)
"""


def run(*command: object, **more: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, **more}
    return subprocess.run([str(word) for word in command], env=given, capture_output=True, text=True, check=False)


def compact(text: str) -> int:
    return len(json.dumps(json.loads(text), separators=(",", ":")).encode())


def of_metaflow(home: Path, work: Path) -> Mapping[str, object]:
    python = home / "ministack" / "bin" / "python"
    server = subprocess.Popen(
        [home / "ministack" / "bin" / "ministack"],
        env={**os.environ, "GATEWAY_PORT": str(PORT), "BIND_HOST": "127.0.0.1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while socket.socket().connect_ex(("127.0.0.1", PORT)):
            time.sleep(0.2)
        made = run(python, "-c", ACCOUNT, **AWS)
        assert made.returncode == 0, made.stderr
        shutil.copy(FLOWS / "flow.py", work)
        command = (
            home / "metaflow" / "bin" / "python",
            work / "flow.py",
            "--datastore",
            "s3",
            "step-functions",
            "create",
        )
        done = run(*command, "--only-json", METAFLOW_HOME=str(work), **AWS, **METAFLOW)
        assert done.returncode == 0, done.stderr
    finally:
        server.terminate()
        server.wait()
    return {"machine": compact(done.stdout), "a step": compact(done.stdout) // STEPS}


def of_converter(home: Path, work: Path) -> Mapping[str, object]:
    made: dict[str, object] = {}
    for name in ("etl", "etl_batch"):
        place = work / name
        done = run(
            home / "converter" / "bin" / "dag-converter",
            *("convert", FLOWS / f"{name}.py", "--output", place),
            AIRFLOW_HOME=str(work / "airflow"),
        )
        file = place / f"{name}.yaml"
        if file.exists():
            text = file.read_text()
            lost = [word for word in ("pool", "callback") if word not in text]
            made[name] = {"yaml": len(text.encode()), "a task": len(text.encode()) // STEPS, "not in it": lost}
        else:
            made[name] = (done.stdout + done.stderr).strip().splitlines()[-1]
    return made


def of_ductwork(work: Path) -> Mapping[str, object]:
    made = {}
    for name in ("etl", "etl_batch"):
        ductwork = Path(sys.executable).parent / "ductwork"
        done = run(ductwork, "compile", FLOWS / f"{name}.py", "--image", "image:1", "-o", work)
        assert done.returncode == 0, done.stderr
        size = compact((work / f"{name}.asl.json").read_text())
        warned = [line.partition(":")[2] for line in done.stderr.splitlines() if " warning " in line]
        made[name] = {"machine": size, "a task": size // STEPS, "warnings": warned}
    return made


def main() -> None:
    home = Path(sys.argv[1] if len(sys.argv) > 1 else "build/side-by-side").absolute()
    for name, package in ENVIRONMENTS.items():
        if not (home / name).exists():
            venv.create(home / name, with_pip=True)
            subprocess.run([home / name / "bin" / "pip", "install", "--quiet", package], check=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        found = {
            "Metaflow": of_metaflow(home, work),
            "MWAA Serverless' converter": of_converter(home, work),
            "Ductwork": of_ductwork(work),
        }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
