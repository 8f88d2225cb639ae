"""An embedded AWS as a server, and an Airflow with a migrated database that knows where it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.ledger import Ledger
from forked_processes import ForkedProcesses
from migrated_home import migrate

DAGS = Path(__file__).parent / "dags"
SUPPORT = Path(__file__).parents[2] / "support"


@pytest.fixture(scope="session")
def airflow_side(tmp_path_factory):
    """The environment of Airflow's processes, without an AWS yet."""
    home = tmp_path_factory.mktemp("airflow-side")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(shutil.copytree(DAGS, home / "dags")),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(SUPPORT), os.environ.get("PYTHONPATH")))),
        # Seconds that remote tasks are given to end when their run is stopped; these do nothing about it.
        "DUCTWORK_KILL_GRACE": "2",
    }
    migrate(environment, tmp_path_factory)
    return environment


@pytest.fixture(scope="session")
def embedded(airflow_side):
    """The address of an embedded AWS with a ledger, a queue and the worker's job definition."""
    folder = airflow_side["AIRFLOW__CORE__DAGS_FOLDER"]
    server = subprocess.Popen(
        [sys.executable, "-m", "ductwork_airflow.local.service", folder, "--jobs", "2"],
        stdout=subprocess.PIPE,
        text=True,
        env=airflow_side,
    )
    try:
        ready, _, url = server.stdout.readline().partition(" ")
        assert ready == "ready"
        yield url.strip()
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture(scope="session")
def aws(embedded):
    return Aws("us-east-1", embedded, ("local", "local"))


@pytest.fixture(scope="session")
def remote(aws):
    """What the embedded AWS has seen."""
    return Remote(aws)


class Remote:
    def __init__(self, aws: Aws) -> None:
        self.ledger = Ledger.connect("ductwork", aws)
        self._machines, self._batch = aws.client("stepfunctions"), aws.client("batch")

    def executions(self, dag_id: str, run_id: str) -> list[str]:
        """The states of the executions of a run, newest first."""
        found = []
        for machine in self._machines.list_state_machines()["stateMachines"]:
            for execution in self._machines.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
                described = self._machines.describe_execution(executionArn=execution["executionArn"])
                given = json.loads(described["input"])
                if machine["name"] == dag_id and given["run_id"] == run_id:
                    found.append(execution["status"])
        return found

    def jobs(self, dag_id: str, run_id: str) -> list[str]:
        """The names of all jobs of a run that Batch has ever been given."""
        from ductwork.contracts import names

        mark = names.run_hash(dag_id, run_id)
        pages = self._batch.get_paginator("list_jobs")
        states = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
        return sorted(
            job["jobName"]
            for state in states
            for page in pages.paginate(jobQueue="ductwork-local", jobStatus=state)
            for job in page["jobSummaryList"]
            if mark in job["jobName"]
        )

    def tasks(self, dag_id: str, run_id: str) -> dict[str, tuple[str, int]]:
        return {item["task_id"]: (item["state"], item["try_number"]) for item in self.ledger.tasks(dag_id, run_id)}


@pytest.fixture
def start_dag(airflow_side, embedded, tmp_path):
    """``start_dag(dag_id, *steps)``: :mod:`airflow_runs` as a forked process; traces and switches are in ``tmp_path``."""

    def start(dag_id: str, *steps: str, **variables: str):
        control = Path(airflow_side["AIRFLOW__CORE__DAGS_FOLDER"]) / "control.py"
        script, conf = SUPPORT / "airflow_runs.py", json.dumps({"folder": str(tmp_path)})
        environment = {**airflow_side, "AIRFLOW__DUCTWORK__ENDPOINT_URL": embedded, **variables}
        return ForkedProcesses.shared().airflow_script([script, control, dag_id, conf, *steps], environment)

    return start


@pytest.fixture
def run_dag(start_dag):
    """``run_dag(dag_id, *steps)``: the records of :mod:`airflow_runs`, each with the whole ``log``."""

    def run(dag_id: str, *steps: str, **variables: str):
        done = start_dag(dag_id, *steps, **variables).wait()
        assert done.code == 0, f"{dag_id} {steps}:\n{done.err[-6000:]}"
        return [{**record, "log": done.err} for record in json.loads(done.out)]

    return run


@pytest.fixture
def traces(tmp_path):
    """What the remote tasks have left: one word for each time one ran."""
    return lambda: sorted((tmp_path / "trace").read_text().split()) if (tmp_path / "trace").exists() else []
