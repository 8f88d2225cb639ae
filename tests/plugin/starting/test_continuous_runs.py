"""@continuous without Airflow: one run after the other, of the intervals that Airflow's timetable gives."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import time_machine
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.timetables.simple import ContinuousTimetable
from asl_requests import check_requests
from asl_structure import check_structure
from deployed_queue import deploy_queue, make_machine
from ductwork.compiler import Options, compile_paths, to_json
from ductwork_airflow.embedded_aws.services import EmbeddedAws
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local.provision import PLACES
from jsonata_reference import judged
from pendulum import DateTime
from pendulum import parse as moment

DAGS = """
from datetime import datetime
from airflow.providers.standard.sensors.date_time import DateTimeSensor
from airflow.sdk import DAG

def made(dag_id, **more):
    with DAG(dag_id, schedule="@continuous", max_active_runs=1, **more):
        # Goes on until it is stopped.
        DateTimeSensor(task_id="t", target_time="2090-01-01T00:00:00+00:00")

for name in ("again", "by_hand", "cut_off"):
    made(name, start_date=datetime(2026, 1, 1))
made("since_now")
made("later", start_date=datetime(2089, 1, 1))
made("over", start_date=datetime(2020, 1, 1), end_date=datetime(2021, 1, 1))
"""
START = "2026-01-01T00:00:00.000Z"


class Deployed:
    """The DAGs of the file with what starts them, as the files of ``ductwork compile`` say."""

    def __init__(self, aws: EmbeddedAws, artefacts: Any) -> None:
        self.states, self.events = aws.aws.client("stepfunctions"), aws.aws.client("events")
        self.ledger = Ledger.connect(PLACES["LedgerTable"], aws.aws)
        self.ledger.create_table()
        self.machines = {each.dag_id: make_machine(aws, each.dag_id, to_json(each.document)) for each in artefacts}
        self.starters = {each.dag_id: deploy_queue(aws, each, self.machines[each.dag_id]) for each in artefacts}

    def minute(self, dag_id: str, times: int = 1) -> None:
        """The clock's rule fires."""
        event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
        for _ in range(times):
            self.states.start_execution(stateMachineArn=self.starters[dag_id], input=json.dumps(event))
        self.settle(dag_id)

    def end(self, dag_id: str, execution: str, *, deliveries: int = 1) -> None:
        """A run ends, and EventBridge tells of it."""
        self.stop(dag_id, execution)
        self.tell(dag_id, execution, deliveries)

    def stop(self, dag_id: str, execution: str) -> None:
        self.states.stop_execution(executionArn=execution)
        deadline = time.monotonic() + 30
        while execution in self.going_on(dag_id):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def tell(self, dag_id: str, execution: str, deliveries: int = 1) -> None:
        detail = {"executionArn": execution, "stateMachineArn": self.machines[dag_id], "status": "ABORTED"}
        kind = "Step Functions Execution Status Change"
        entry = {"Source": "aws.states", "DetailType": kind, "Detail": json.dumps(detail)}
        for _ in range(deliveries):
            self.events.put_events(Entries=[entry])
        self.settle(dag_id)

    def going_on(self, dag_id: str) -> list[str]:
        listed = self.states.list_executions(stateMachineArn=self.machines[dag_id], statusFilter="RUNNING")
        return [str(each["executionArn"]) for each in listed["executions"]]

    def settle(self, dag_id: str) -> None:
        """Wait until the starter has done what it was started for, and every run is in the ledger."""
        deadline = time.monotonic() + 60
        starter = self.starters[dag_id]
        while self.states.list_executions(stateMachineArn=starter, statusFilter="RUNNING")["executions"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        failed = self.states.list_executions(stateMachineArn=starter, statusFilter="FAILED")["executions"]
        assert not failed, self.states.describe_execution(executionArn=failed[0]["executionArn"])
        every = self.states.list_executions(stateMachineArn=self.machines[dag_id])["executions"]
        while len(list(self.ledger.runs(dag_id))) < len(every):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def runs(self, dag_id: str) -> list[Any]:
        return sorted(self.ledger.runs(dag_id), key=lambda run: run["data_interval_end"])


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("dags") / "continuous.py"
    path.write_text(DAGS)
    found = compile_paths([str(path)], Options(unattended=True))
    assert [finding.code for finding in found.diagnostics] == []
    return found.artefacts


@pytest.fixture(scope="module")
def deployed(pool: Any, compiled: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with judged(), EmbeddedAws(pool=pool, jobs=0, log_dir=tmp_path_factory.mktemp("outside")) as aws:
        yield Deployed(aws, compiled)


def airflow_interval(last: DataInterval | None, now: str) -> DataInterval:
    """Of the next run, by Airflow's timetable, whose clock says ``now``."""
    restriction = TimeRestriction(earliest=at(START), latest=None, catchup=False)
    with time_machine.travel(datetime.fromisoformat(now.replace("Z", "+00:00")), tick=False):
        found = ContinuousTimetable().next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
    assert found is not None and found.data_interval is not None
    return found.data_interval


def at(text: str) -> DateTime:
    found = moment(text)
    assert isinstance(found, DateTime)
    return found


def test_a_run_begins_when_the_one_before_has_ended_however_that_ended(deployed: Deployed) -> None:
    deployed.minute("again", times=2)
    [first] = deployed.going_on("again")
    deployed.minute("again")
    assert deployed.going_on("again") == [first], "one goes on"
    deployed.end("again", first, deliveries=3)
    [second] = deployed.going_on("again")
    deployed.end("again", second)
    [third] = deployed.going_on("again")
    # Late, of runs that others have followed.
    deployed.tell("again", first)
    deployed.tell("again", second, deliveries=2)
    assert deployed.going_on("again") == [third]
    runs = deployed.runs("again")
    assert len(runs) == 3
    last = None
    for run in runs:
        last = airflow_interval(last, run["data_interval_end"])
        assert (at(run["data_interval_start"]), at(run["data_interval_end"])) == (last.start, last.end)
        assert (run["run_type"], at(run["logical_date"])) == ("scheduled", last.start)
        assert run["run_id"] == f"scheduled__{last.end.isoformat(timespec='microseconds')}"


def test_an_end_that_no_event_has_told_is_found_within_the_minute(deployed: Deployed) -> None:
    [before] = deployed.going_on("again")
    deployed.stop("again", before)
    deployed.minute("again")
    [after] = deployed.going_on("again")
    assert after != before


def test_a_run_that_somebody_has_started_is_waited_for(deployed: Deployed) -> None:
    manual = {"run_id": "manual__1", "logical_date": "2026-02-01T00:00:00Z"}
    started = deployed.states.start_execution(stateMachineArn=deployed.machines["by_hand"], input=json.dumps(manual))
    deployed.minute("by_hand")
    assert deployed.going_on("by_hand") == [started["executionArn"]]
    deployed.end("by_hand", started["executionArn"])
    [own] = deployed.going_on("by_hand")
    assert own != started["executionArn"]


def test_a_run_that_was_claimed_and_not_started_is_started_by_the_next_look(deployed: Deployed) -> None:
    end = "2026-02-01T00:00:00.000Z"
    run_id = "scheduled__2026-02-01T00:00:00.000000+00:00"
    lost = {"run_id": run_id, "run_type": "scheduled", "logical_date": START}
    lost |= {"data_interval_start": START, "data_interval_end": end}
    item = {"due_run": json.dumps(lost), "run_after": end, "counted": 1}
    deployed.ledger.update("run_queue#cut_off", "queue", item)
    deployed.minute("cut_off", times=2)
    assert [run["run_id"] for run in deployed.runs("cut_off")] == [run_id]
    left = deployed.ledger.get("run_queue#cut_off", "queue")
    assert left is not None and "due_run" not in left


def test_dates_bound_it(deployed: Deployed) -> None:
    for dag_id in ("later", "over"):
        deployed.minute(dag_id)
        assert deployed.runs(dag_id) == []
    deployed.minute("since_now")
    [run] = deployed.runs("since_now")
    assert run["data_interval_start"] == run["data_interval_end"]


def test_what_is_compiled_is_sound_and_says_what_starts_the_dag(compiled: Any) -> None:
    for artefact in compiled:
        says = artefact.started_by.documents()
        assert artefact.started_by.told() == "the end of the run before"
        assert [rule.get("ScheduleExpression") for rule in says["rules"]] == [None, "rate(1 minute)"]
        assert [*check_structure(says["starter"]), *check_requests(says["starter"])] == []
