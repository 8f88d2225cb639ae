"""The embedded AWS as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path

import psutil
import pytest
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local.burial import GONE
from ductwork_airflow.local.standalone import Standalone, StartError
from forked_processes import ForkedProcesses

SERVICE = "ductwork_airflow.local.service"
DAGS = Path(__file__).parents[3] / "dags"


@pytest.fixture
def start(tmp_path):
    """``start(*options)``: a service; none outlives the test."""
    with contextlib.ExitStack() as stack:

        def begin(*options):
            service = ForkedProcesses.shared().module(
                [SERVICE, DAGS, *options], {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
            )
            stack.callback(service.end_group)
            return service

        yield begin


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_serves_what_schedules_refer_to_and_ends_cleanly(start, sig):
    service = start()
    word, url = service.line().split()
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
    assert service.wait(30)[::2] == (0, "")
    assert psutil.wait_procs(children, timeout=10)[1] == []
    again = start()
    aws = Aws("us-east-1", again.line().split()[1], ("local", "local"))
    run = Ledger.connect("ductwork", aws).run("d", "r")
    assert (run["state"], run["error"]) == ("failed", GONE), "the tables outlive the process, and nothing runs in them"
    again.send_signal(signal.SIGTERM)
    assert again.wait(30).code == 0


def test_a_taken_port_is_said(start):
    service = start()
    port = service.line().split(":")[-1]
    other = start("--port", port)
    ended = other.wait(60)
    assert ended.code == 1
    assert f"Port {port} is in use" in ended.err
    service.send_signal(signal.SIGTERM)
    assert service.wait(30).code == 0


def test_a_taken_port_is_said_before_anything_starts(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} cannot be used for Airflow: Address already in use"):
            Standalone(DAGS, tmp_path / "home", port).__enter__()
    assert not (tmp_path / "home").exists()
