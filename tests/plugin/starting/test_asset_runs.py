"""Runs that updates of assets start: the same runs, about the same events, as Airflow's scheduler makes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from deployed_queue import deploy_queue, make_machine
from ductwork.compiler import Options, compile_paths, to_json
from ductwork_airflow.embedded_aws.services import EmbeddedAws
from ductwork_airflow.execution_api import triggering_events
from ductwork_airflow.execution_api.event_bus import EventBus
from ductwork_airflow.ledger import Ledger, timestamp
from ductwork_airflow.local.provision import PLACES
from jsonata_reference import judged
from migrated_home import migrate

SUPPORT = Path(__file__).parents[2] / "support"
DAGS = """
from datetime import datetime
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensor
from airflow.sdk import DAG, Asset, AssetAlias

def asset(name):
    return Asset(name, uri=f"s3://bucket/{name}")

def made(dag_id, schedule, **more):
    with DAG(dag_id, schedule=schedule, start_date=datetime(2030, 1, 1), **more):
        # Goes on until it is stopped.
        DateTimeSensor(task_id="t", target_time="2090-01-01T00:00:00+00:00")

made("every", [asset("every_a"), asset("every_b")])
made("nested", asset("nested_a") & (asset("nested_b") | asset("nested_c")))
made("named", Asset.ref(name="named_a") | Asset.ref(uri="s3://bucket/named_b"))
made("alias", AssetAlias("alias_x") & asset("alias_a"))
made("one_at_a_time", asset("one_a") | asset("one_b"), max_active_runs=1)
# What the references mean.
made("giving", [asset("named_a"), asset("named_b"), asset("alias_b")])
"""


def event(name, **more):
    return ["event", {"name": name, "uri": f"s3://bucket/{name}", **more}]


CASES = {
    "every": [event("every_b"), event("every_b"), event("every_a"), event("every_a"), event("every_b")],
    "nested": [*map(event, ("nested_b", "nested_c", "nested_a", "nested_a", "nested_c"))],
    "named": [event("named_b"), event("named_a", partition_key="p"), event("named_a")],
    "alias": [event("alias_b"), event("alias_a"), event("alias_b", alias="alias_x"), event("alias_a", alias="alias_x")],
    "one_at_a_time": [*map(event, ("one_a", "one_a", "one_b", "one_a")), ["end"], ["end"], event("one_b")],
}


@pytest.fixture(scope="module")
def dag_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("dags") / "assets.py"
    path.write_text(DAGS)
    return path


@pytest.fixture(scope="module")
def airflow(dag_file, tmp_path_factory) -> dict[str, list[dict[str, Any]]]:
    """Airflow's runs of each case."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dag_file.parent),
        "PYTHONPATH": str(SUPPORT),
    }
    migrate(environment, tmp_path_factory)
    command = [sys.executable, str(SUPPORT / "airflow_asset_runs.py"), str(dag_file), json.dumps(list(CASES.items()))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(CASES, json.loads(done.stdout), strict=True))


class Deployed:
    """The DAGs of the file, with their queues, as the files of ``ductwork compile`` say; the events' time is ours."""

    def __init__(self, aws: EmbeddedAws, artefacts: Any) -> None:
        self.states, self.events = aws.aws.client("stepfunctions"), aws.aws.client("events")
        self.ledger = Ledger.connect(PLACES["LedgerTable"], aws.aws)
        self.ledger.create_table()
        self.bus = EventBus("default", lambda: self.events)
        self.now = datetime(2026, 3, 1, tzinfo=timezone.utc)
        self.queues = [self._deploy(aws, artefact) for artefact in artefacts]

    @staticmethod
    def _deploy(aws: EmbeddedAws, artefact: Any) -> str:
        machine = make_machine(aws, artefact.dag_id, to_json(artefact.document))
        return deploy_queue(aws, artefact, machine)

    def machine(self, dag_id: str) -> str:
        return f"arn:aws:states:us-east-1:123456789012:stateMachine:{dag_id}"

    def happen(self, number: int, of: dict[str, Any], *, deliveries: int = 1) -> None:
        """As a worker records and tells it."""
        self.now += timedelta(seconds=1)
        told = {
            "id": f"run/{self.now.timestamp():.0f}",
            "asset": {"name": of["name"], "uri": of["uri"]},
            "extra": {"number": number},
            "timestamp": timestamp(self.now),
            "partition_key": of.get("partition_key"),
            "alias": of.get("alias"),
            "source_dag_id": "giver",
            "source_run_id": "run",
            "source_task_id": "t",
            "source_map_index": -1,
        }
        item = {**told, **told["asset"], "extra": json.dumps(told["extra"]), "event_id": number}
        kinds = [("name", of["name"]), ("uri", of["uri"])] + ([("alias", of["alias"])] if of.get("alias") else [])
        for kind, value in kinds:
            self.ledger.put(f"asset#{kind}#{value}", f"event#{told['timestamp']}#{number}", item)
        for _ in range(deliveries):
            assert self.bus.put(json.dumps([told])) is None

    def end(self, dag_id: str) -> None:
        """The oldest run that goes on ends, and EventBridge tells of it."""
        machine = self.machine(dag_id)
        execution = self.executions(dag_id, "RUNNING")[0]["executionArn"]
        self.states.stop_execution(executionArn=execution)
        detail = {"executionArn": execution, "stateMachineArn": machine, "status": "ABORTED"}
        kind = "Step Functions Execution Status Change"
        entry = {"Source": "aws.states", "DetailType": kind, "Detail": json.dumps(detail)}
        self.events.put_events(Entries=[entry])

    def executions(self, dag_id: str, status: str | None = None) -> list[dict[str, Any]]:
        more = {"statusFilter": status} if status else {}
        found = self.states.list_executions(stateMachineArn=self.machine(dag_id), **more)["executions"]
        return sorted(found, key=lambda each: str(each["startDate"]))

    def settle(self) -> None:
        """Wait until every queue's machine has done what it was started for."""
        deadline = time.monotonic() + 60
        while any(self._listed(queue, "RUNNING") for queue in self.queues):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for queue in self.queues:
            failed = self._listed(queue, "FAILED")
            assert not failed, self.states.describe_execution(executionArn=failed[0]["executionArn"])

    def _listed(self, machine: str, status: str) -> list[dict[str, Any]]:
        return list(self.states.list_executions(stateMachineArn=machine, statusFilter=status)["executions"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The DAG's runs, as the tasks of each see it."""
        deadline = time.monotonic() + 30
        while len(found := list(self.ledger.runs(dag_id))) < len(self.executions(dag_id)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        found.sort(key=lambda run: run["run_after"])
        return [{**run, "events": triggering_events.of_run(self.ledger, run)} for run in found]


@pytest.fixture(scope="module")
def deployed(pool: Any, dag_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    compiled = compile_paths([str(dag_file)], Options(unattended=True, deployment={"event_bus": "default"}))
    assert [finding.code for finding in compiled.diagnostics] == []
    logs = tmp_path_factory.mktemp("outside")
    with judged(), EmbeddedAws(pool=pool, jobs=0, log_dir=logs) as aws:
        yield Deployed(aws, compiled.artefacts)


def numbers(run):
    return sorted(each["extra"]["number"] for each in run["events"])


@pytest.mark.parametrize("dag_id", CASES)
def test_runs_begin_when_airflow_begins_them_and_are_about_the_same_events(airflow, deployed, dag_id):
    for number, step in enumerate(CASES[dag_id]):
        if step[0] == "event":
            deployed.happen(number, step[1])
        else:
            deployed.end(dag_id)
        deployed.settle()
    runs, expected = deployed.runs(dag_id), airflow[dag_id]
    assert len(expected) > 1
    assert [numbers(run) for run in runs] == [run["events"] for run in expected]
    for run in runs:
        assert (run["run_type"], run["logical_date"], run["data_interval_start"]) == ("asset_triggered", "", "")
        assert run["run_id"][:-9] == f"asset_triggered__{run['run_after']}"
    for run in expected:
        assert (run["run_type"], run["logical_date"], run["data_interval"]) == ("asset_triggered", None, [None, None])
        assert run["run_id"][:-9] == f"asset_triggered__{run['run_after']}"


def test_an_event_that_comes_twice_counts_once_also_after_its_run_has_begun(deployed):
    before = len(deployed.runs("named"))
    deployed.happen(50, event("named_a")[1], deliveries=3)
    deployed.settle()
    assert len(deployed.runs("named")) == before + 1


def test_a_run_whose_machine_died_before_it_was_started_is_started_by_the_next_event(deployed):
    before = len(deployed.runs("named"))
    lost = {"run_id": "asset_triggered__2026-02-01T00:00:00.000+00:00_00000000", "run_type": "asset_triggered"}
    lost |= {"run_after": "2026-02-01T00:00:00.000Z", "asset_events_after": "2026-01-31T00:00:00.000Z"}
    deployed.ledger.update("run_queue#named", "queue", {"due_run": json.dumps(lost)})
    deployed.happen(60, event("named_a")[1])
    deployed.settle()
    runs = deployed.runs("named")
    assert len(runs) == before + 2
    assert lost["run_id"] in {run["run_id"] for run in runs}
    assert "due_run" not in deployed.ledger.get("run_queue#named", "queue")
