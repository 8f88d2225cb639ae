"""A user marks a task in Airflow while a worker has it: the worker ends, and what is below goes on by the mark."""

import asyncio
import time
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time import task_runner
from ductwork.compiler import Options, compile_paths
from ductwork.contracts.ledger import submitter_key
from ductwork_airflow.airflow_side.attachments import Attachment, Attachments
from ductwork_airflow.delegate.trigger import MirrorTrigger
from ductwork_airflow.embedded_aws.services import ROLE_ARN
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.runs import lifecycle

PLACES = {"JobQueue": "ductwork-local", "JobDefinition": "ductwork-worker"}


@pytest.fixture
def marked(airflow_side, embedded, aws, remote, monkeypatch, tmp_path):
    """``marked(target, state)``: a run whose first task is marked while it runs, and the states of its tasks."""
    monkeypatch.setenv("AIRFLOW__DUCTWORK__ENDPOINT_URL", embedded)

    def run(target, state):
        file = f"{airflow_side['AIRFLOW__CORE__DAGS_FOLDER']}/remote.py"
        artefact = compile_paths([file], Options(target, "marked", {"ledger_table": "ductwork"})).artefacts[0].document
        run_id, moment = f"{tmp_path.name}-{target}", datetime.now(timezone.utc)
        request = RunRequest("marked", run_id, moment, (moment, moment), conf={"folder": str(tmp_path)})
        role = ROLE_ARN if target == "stepfunctions" else None
        handle = lifecycle.submit(aws, artefact, target, request, ledger_table="ductwork", role_arn=role, places=PLACES)
        Attachments(remote.ledger, submitter_key("marked", run_id, "ductwork_submit")).write(Attachment(handle, 3))
        wait(lambda: (tmp_path / "trace").exists() and "slow" in remote.tasks("marked", run_id))
        answer = SimpleNamespace(task_states={run_id: {"slow": state}})
        comms = SimpleNamespace(send=lambda message: answer)
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", comms, raising=False)
        trigger = MirrorTrigger(
            task_id="slow",
            submit_task_id="ductwork_submit",
            target=target,
            ledger_table="ductwork",
            connection={"aws_conn_id": None, "region_name": "us-east-1"},
            poll_interval=1.0,
        )
        # As Airflow's scheduler starts it: its task instance says where it is.
        trigger.task_instance = SimpleNamespace(dag_id="marked", run_id=run_id, task_id="slow", map_index=-1)
        asyncio.run(trigger.on_kill())
        watcher = lifecycle.watcher(aws, handle)
        if state not in {"success", "failed"}:
            left = remote.tasks("marked", run_id)
            watcher.stop("the test is over")
            return left
        wait(lambda: watcher.poll().ended)
        return remote.tasks("marked", run_id)

    return run


def wait(until, seconds=60):
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("target", "state", "below"),
    [
        ("stepfunctions", "failed", ("upstream_failed", 0)),
        ("batch", "success", ("success", 1)),
    ],
)
def test_a_task_that_is_marked(marked, target, state, below):
    assert marked(target, state) == {"slow": (state, 1), "second": below}


def test_a_task_that_is_cleared_goes_on(marked):
    assert marked("stepfunctions", "restarting")["slow"] == ("running", 1)
