"""depends_on_past where a clock and assets start a DAG.

Airflow's DagRun.get_previous_dagrun compares logical dates, and a run that assets start has none: there is no run
before it, and it is before none (airflow/models/dagrun.py, 3.3.2).
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from asl_structure import check_structure
from deployed_queue import make_machine
from ductwork.compiler import Options, compile_paths, to_json
from ductwork_airflow.embedded_aws.services import EmbeddedAws
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local.provision import PLACES
from jsonata_reference import judged

DAG = """
from datetime import datetime
from airflow.providers.standard.sensors.date_time import DateTimeSensor
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable

when = AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 4 * * *", timezone="UTC"), assets=[Asset("a")])
with DAG("both", schedule=when, start_date=datetime(2026, 1, 1)):
    # Goes on until it is stopped.
    DateTimeSensor(task_id="t", target_time="2090-01-01T00:00:00+00:00", depends_on_past=True@MORE@)
"""
WAITS = "Await past t"


@pytest.mark.parametrize("more", ["", ", ignore_first_depends_on_past=True"])
def test_a_run_without_a_logical_date_is_no_past_and_has_none(pool: Any, tmp_path: Any, more: str) -> None:
    path = tmp_path / "both.py"
    path.write_text(DAG.replace("@MORE@", more))
    compiled = compile_paths([str(path)], Options(unattended=True, deployment={"event_bus": "default"}))
    (artefact,) = compiled.artefacts
    assert [*compiled.diagnostics] == []
    assert [*check_structure(artefact.document)] == []
    with judged(), EmbeddedAws(pool=pool, jobs=0, log_dir=tmp_path / "logs") as aws:
        Ledger.connect(PLACES["LedgerTable"], aws.aws).create_table()
        states = aws.aws.client("stepfunctions")
        machine = make_machine(aws, "both", to_json(artefact.document))

        def entered(**given: str) -> str:
            """The state that a run has come to, once it waits."""
            execution = states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
            deadline = time.monotonic() + 30
            while True:
                history = states.get_execution_history(executionArn=execution)["events"]
                names = [
                    each["stateEnteredEventDetails"]["name"] for each in history if "stateEnteredEventDetails" in each
                ]
                if names and names[-1] in {WAITS, "t"}:
                    return names[-1]
                assert time.monotonic() < deadline, names
                time.sleep(0.05)

        def by_assets(number: int) -> str:
            moment = f"2026-03-0{number}T00:00:00.000Z"
            return entered(
                run_id=f"asset_triggered__{number}",
                run_type="asset_triggered",
                run_after=moment,
                asset_events_after="2026-02-01T00:00:00.000Z",
            )

        def by_clock(number: int) -> str:
            return entered(logical_date=f"2026-03-0{number}T04:00:00Z")

        came_to = [by_assets(1), by_clock(1), by_assets(2), by_clock(2), by_assets(3)]
        assert came_to == ["t", "t", "t", WAITS, "t"]
