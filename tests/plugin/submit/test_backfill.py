"""``ductwork backfill``: the runs that Airflow names, started once, so many at a time; and a schedule's second delivery."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

from cli_process import ductwork
from compiling import write_dag
from ductwork.diagnostics import Diagnostics
from ductwork.frontend.due_runs import due_between
from ductwork_airflow.embedded_aws.services import ROLE_ARN
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.runs.backfill import Backfill
from remote_runs import PACE, TABLE

UTC = timezone.utc
FIRST, LAST = datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)


def requests(dag_id, number=4):
    days = [FIRST + timedelta(days=each) for each in range(number)]
    return [RunRequest(dag_id, f"backfill__{day.isoformat()}", day, (day, day), run_type="backfill") for day in days]


def backfill(remote, artefact, wanted, told, **options):
    most = [0]

    def start(request):
        handle = lifecycle.submit(
            remote.clients, artefact, "stepfunctions", request, ledger_table=TABLE, role_arn=ROLE_ARN, pace=PACE
        )
        runs = [run for run in remote.ledger.runs(request.dag_id) if "ended_at" not in run]
        most[0] = max(most[0], len({*(run["run_id"] for run in runs), request.run_id}))
        return handle

    work = Backfill(remote.clients, remote.ledger, start, tell=told.append, **options)
    return work.run(wanted, "stepfunctions"), most[0]


def test_runs_are_started_once_and_so_many_at_a_time(remote):
    artefact = remote.compile("past", 'job("t", "sleep 0.2")', "stepfunctions")
    told = []
    ended, most = backfill(remote, artefact, requests("past"), told, max_active=2)
    assert ended == Counter(success=4)
    assert most <= 2
    again, _ = backfill(remote, artefact, requests("past", 5), told)
    assert again == Counter({"left alone": 4, "success": 1})
    runs = list(remote.ledger.runs("past"))
    assert {run["run_type"] for run in runs} == {"backfill"}
    assert len(runs) == 5


def test_what_has_ended_runs_again_if_it_is_to(remote, tmp_path):
    mark = tmp_path / "mended"
    artefact = remote.compile("again", f'job("t", "test -e {mark}")', "stepfunctions")
    wanted = requests("again", 2)
    # Whatever has started the run of a logical date: a schedule has, and it failed.
    scheduled = RunRequest("again", "scheduled__1", FIRST, (FIRST, FIRST), run_type="scheduled")
    remote.watch(remote.submit(artefact, "stepfunctions", scheduled))
    mark.touch()
    told = []
    ended, _ = backfill(remote, artefact, wanted, told, reprocess="failed")
    assert ended == Counter(success=2)
    assert told[0] == "scheduled__1: all its tasks run again"
    assert {run["run_id"] for run in remote.ledger.runs("again")} == {"scheduled__1", wanted[1].run_id}
    assert backfill(remote, artefact, wanted, told, reprocess="failed")[0] == Counter({"left alone": 2})


def test_a_second_delivery_of_a_schedule_starts_nothing(remote):
    artefact = remote.compile("delivered", 'job("t")', "stepfunctions")
    arn = remote.submit(artefact, "stepfunctions", remote.request("delivered", "first")).execution_arn
    machine = remote.sfn.describe_execution(executionArn=arn)["stateMachineArn"]
    given = json.dumps({"logical_date": "2026-03-30T04:00:00Z"})
    started = [
        remote.sfn.start_execution(stateMachineArn=machine, input=given, name=f"delivery-{number}")["executionArn"]
        for number in range(2)
    ]
    deadline = time.monotonic() + 30
    while "RUNNING" in {remote.sfn.describe_execution(executionArn=each)["status"] for each in started}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert {remote.sfn.describe_execution(executionArn=each)["status"] for each in started} == {"SUCCEEDED"}
    runs = [run for run in remote.ledger.runs("delivered") if run["run_type"] == "scheduled"]
    assert [run["run_id"] for run in runs] == ["scheduled__2026-03-30T04:00:00+00:00"]


BODY = """
from airflow.sdk import CronDataIntervalTimetable, CronPartitionTimetable
with DAG("work", schedule=CronDataIntervalTimetable("0 6 * * MON-FRI", "Europe/Berlin")):
    BatchOperator(task_id="t", job_name="t", job_queue="q", job_definition="d", container_overrides={})
with DAG("parts", schedule=CronPartitionTimetable("0 6 * * *", timezone="UTC", key_format="%Y-%m-%d")):
    BatchOperator(task_id="t", job_name="t", job_queue="q", job_definition="d", container_overrides={})
with DAG("manual", schedule=None):
    BatchOperator(task_id="t", job_name="t", job_queue="q", job_definition="d", container_overrides={})
"""


def test_the_runs_are_airflow_s_own(tmp_path):
    path, found = str(write_dag(tmp_path, BODY)), Diagnostics()
    runs = due_between(path, "work", FIRST, LAST, found)
    assert [(run.run_id("backfill"), run.logical_date.isoformat()) for run in runs] == [
        ("backfill__2026-03-30T04:00:00+00:00", "2026-03-27T05:00:00+00:00"),
        ("backfill__2026-03-31T04:00:00+00:00", "2026-03-30T04:00:00+00:00"),
    ]
    parts = due_between(path, "parts", FIRST, FIRST + timedelta(days=2), found)
    assert [(run.run_id("backfill"), run.partition_key) for run in parts] == [
        ("backfill__2026-03-27T06:00:00+00:00__2026-03-27", "2026-03-27"),
        ("backfill__2026-03-28T06:00:00+00:00__2026-03-28", "2026-03-28"),
    ]
    assert list(found) == []


def test_the_command_prints_them_or_says_that_there_is_none(tmp_path):
    path = write_dag(tmp_path, BODY)
    between = ("--from", "2026-03-27", "--to", "2026-03-31", "--dry-run")
    done = ductwork("backfill", path, "--dag-id", "work", *between)
    assert done.code == 0
    assert done.out.splitlines()[0] == (
        "backfill__2026-03-30T04:00:00+00:00  2026-03-27T05:00:00+00:00  2026-03-30T04:00:00+00:00"
    )
    none = ductwork("backfill", path, "--dag-id", "manual", *between)
    assert none.code == 1
    assert "DW525" in none.err
    bad = ductwork("backfill", path, "--dag-id", "work", "--from", "soon", "--to", "2026-03-31")
    assert "DW502 [--from]" in bad.err
