"""The embedded AWS as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.ledger import Ledger

DAGS = Path(__file__).parents[3] / "dags"


@pytest.fixture
def start(tmp_path):
    """``start(*options)``: a service; none outlives the test."""
    with contextlib.ExitStack() as stack:

        def begin(*options):
            service = subprocess.Popen(
                [sys.executable, "-m", "ductwork_airflow.local.service", str(DAGS), *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
                env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
            )
            stack.enter_context(service)
            stack.callback(service.terminate)
            return service

        yield begin


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_serves_what_schedules_refer_to_and_ends_cleanly(start, sig):
    service = start()
    word, url = service.stdout.readline().split()
    assert word == "ready"
    aws = Aws("us-east-1", url, ("local", "local"))
    batch = aws.client("batch")
    queues = {queue["jobQueueName"] for queue in batch.describe_job_queues()["jobQueues"]}
    assert queues >= {"ductwork-local", "etl-queue"}, "etl-queue is what dags/batch_jobs.py names"
    definitions = {found["jobDefinitionName"] for found in batch.describe_job_definitions()["jobDefinitions"]}
    assert definitions >= {"ductwork-worker", "etl-shell"}
    assert Ledger.connect("ductwork", aws).start_run("d", "r")
    children = psutil.Process(service.pid).children(recursive=True)
    service.send_signal(sig)
    assert service.wait(30) == 0
    assert service.stderr.read() == ""
    assert psutil.wait_procs(children, timeout=10)[1] == []
    again = start()
    aws = Aws("us-east-1", again.stdout.readline().split()[1], ("local", "local"))
    assert Ledger.connect("ductwork", aws).run("d", "r")["state"] == "running", "the tables outlive the process"
    again.terminate()
    assert again.wait(30) == 0


def test_a_taken_port_is_said(start):
    service = start()
    port = service.stdout.readline().split(":")[-1].strip()
    other = start("--port", port)
    assert other.wait(60) == 1
    assert f"Port {port} is in use" in other.stderr.read()
    service.terminate()
    assert service.wait(30) == 0
