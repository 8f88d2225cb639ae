"""Tasks outside their start_date or end_date: their jobs are not submitted, nor those that wait for them."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ductwork.diagnostics import Diagnostics
from ductwork.ir.window import Window
from ductwork.semantics.trigger_rules import ABSENT
from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.mirror.chain_execution import Submitter
from ductwork_airflow.reporting import report
from ductwork_airflow.run_model.connection import Connection
from ductwork_airflow.runs import lifecycle
from remote_runs import DATE, MACHINE_CHAIN, PACE, TABLE, Remote

TARGETS = pytest.mark.parametrize("target", ["stepfunctions", "batch"])
PAST = "from datetime import datetime, timedelta, timezone\nPAST = datetime(2025, 1, 1, tzinfo=timezone.utc)\n"
RETIRED = f"{PAST}job('a') >> job('old', end_date=PAST) >> EmptyOperator(task_id='e') >> job('b')\njob('c')"


@TARGETS
def test_a_retired_task_and_what_waits_for_it(remote: Remote, target: str) -> None:
    handle = remote.run(f"retired_{target}", RETIRED, target)
    assert remote.states(handle) == dict.fromkeys("ac", ("success", 1))
    assert remote.run_item(handle)["state"] == "failed"


@TARGETS
def test_the_report_says_why_the_run_failed(remote: Remote, target: str) -> None:
    handle = remote.run(f"told_{target}", RETIRED, target)
    found = report.read(remote.ledger, handle.dag_id, handle.run_id, ["a", "old", "e", "b", "c"])
    assert found is not None
    assert {task.task_id: task.state for task in found.tasks} == {"a": "success", "e": None, "b": None, "c": "success"}
    diagnostics = Diagnostics()
    report.diagnose(found, {}, diagnostics)
    assert [(finding.code, finding.what) for finding in diagnostics] == [
        ("DW507", "b, e waited in vain: a task above them has no instance on the run's logical date")
    ]


@TARGETS
def test_a_backfill_has_every_task(remote: Remote, target: str) -> None:
    dag_id = f"backfill_{target}"
    request = replace(remote.request(dag_id), run_type="backfill")
    handle = remote.submit(remote.compile(dag_id, RETIRED, target), target, request)
    assert remote.watch(handle).state == "success"
    assert set(remote.states(handle)) == {"a", "old", "e", "b", "c"}


@pytest.mark.parametrize("target", ["stepfunctions", "batch", MACHINE_CHAIN])
@pytest.mark.parametrize(("days", "tasks"), [(0, {"a", "b"}), (1, set())])
def test_the_dates_of_the_whole_dag(remote: Remote, target: str, days: int, tasks: set[str]) -> None:
    dag_id = f"whole_{target}_{days}"
    body = f"{PAST}job('a', end_date=datetime(2026, 3, 1, tzinfo=timezone.utc))"
    body += " >> job('b', end_date=datetime(2026, 3, 1, tzinfo=timezone.utc))"
    date = DATE + timedelta(days=days)
    request = replace(remote.request(dag_id), logical_date=date, data_interval=(date, date))
    handle = remote.submit(remote.compile(dag_id, body, target), target, request)
    assert remote.watch(handle).state == "success"
    assert set(remote.states(handle)) == tasks


def test_an_execution_that_finishes_the_run_between_two_reads_has_not_broken(remote: Remote) -> None:
    """The mirror reads the run's item first, and the execution after it."""
    body = f"{PAST}job('a', end_date=datetime(2026, 3, 1, tzinfo=timezone.utc))"
    date = DATE + timedelta(days=1)
    request = replace(remote.request("between"), logical_date=date, data_interval=(date, date))
    handle = remote.submit(remote.compile("between", body, MACHINE_CHAIN), MACHINE_CHAIN, request)
    deadline = time.monotonic() + 40
    while "finished_at" not in (run := remote.run_item(handle)):
        assert time.monotonic() < deadline, run
        time.sleep(0.05)
    stale = {name: value for name, value in run.items() if name != "finished_at"} | {"state": "running"}
    undated = {
        task: {name: fact for name, fact in facts.items() if name != ABSENT} for task, facts in run["tasks"].items()
    }
    for seen in (stale, stale | {"tasks": undated}):
        assert Submitter(Connection(remote.clients, TABLE), seen).follow(seen) == seen
    assert "stopping" not in remote.run_item(handle)
    assert remote.watch(handle).state == "success"


def test_a_chain_submits_no_job_of_what_does_not_run(remote: Remote) -> None:
    remote.run("unsent", RETIRED, "batch")
    assert sorted(job["jobName"].split("-")[1] for job in remote.jobs("unsent-")) == ["a", "c"]


@TARGETS
def test_what_a_rule_ends_all_the_same(remote: Remote, target: str) -> None:
    body = f"{PAST}[job('bad', 'false'), job('old', end_date=PAST)] >> job('b') >> EmptyOperator(task_id='e')"
    handle = remote.run(f"ended_{target}", body, target)
    upstream_failed = ("upstream_failed", 0)
    assert remote.states(handle) == {"bad": ("failed", 1), "b": upstream_failed, "e": upstream_failed}


@TARGETS
def test_a_restart_makes_no_instance_either(remote: Remote, target: str, tmp_path: Path) -> None:
    gate, dag_id = tmp_path / "gate", f"again_{target}"
    body = f"{PAST}job('flaky', 'test -e {gate}')\njob('old', end_date=PAST)\njob('fine')"
    handle = remote.run(dag_id, body, target)
    assert remote.states(handle) == {"flaky": ("failed", 1), "fine": ("success", 1)}
    gate.touch()
    handle = lifecycle.restart(remote.clients, handle, pace=PACE)
    assert remote.watch(handle).state == "success"
    assert remote.states(handle) == {"flaky": ("success", 2), "fine": ("success", 1)}
    with pytest.raises(SubmissionError, match="has no task old"):
        lifecycle.restart(remote.clients, handle, task_ids=["old"], pace=PACE)


def test_a_chain_cannot_go_on_after_a_mark(remote: Remote) -> None:
    handle = remote.run("marked", RETIRED, "batch")
    with pytest.raises(SubmissionError, match="b cannot be marked in a job chain"):
        lifecycle.restart(remote.clients, handle, marks={"b": "success"}, pace=PACE)


def test_the_boundaries_are_inside_whatever_the_zone_and_the_digits() -> None:
    day = datetime(2026, 3, 1, tzinfo=timezone.utc)
    window = Window.of(day.astimezone(timezone(timedelta(hours=5))), day)
    assert window.facts() == {"start_date": "2026-03-01T00:00:00+00:00", "end_date": "2026-03-01T00:00:00+00:00"}
    for text in ("2026-03-01T00:00:00+00:00", "2026-03-01T00:00:00.000Z", "2026-03-01T02:00:00+02:00"):
        assert window.holds({"logical_date": text})
    for text in ("2026-03-01T00:00:00.000001+00:00", "2026-02-28T23:59:59Z"):
        assert not window.holds({"logical_date": text})
