"""kill -9 at random moments: every run that was triggered is carried out once, and Airflow shows how it ended."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from ductwork.contracts import names
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.local.standalone import Standalone
from kills import Killer
from real_airflow import SETTINGS, Airflow, free_port

SEED = 20260303
KILLS = {"task": 12, "triggerer": 6, "scheduler": 5, "scheduler and its tasks": 5}
AT_ONCE = 3  # runs that have not ended, at least
DAGS = (
    "kills_deferred_stepfunctions",
    "kills_delegated_batch",
    "kills_sync_stepfunctions",
    "kills_delegated_stepfunctions",
    "kills_deferred_batch",
)
# Airflow notices lost processes sooner than by default, after minutes.
NOTICING = {
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__CORE__PARALLELISM": "6",
}
GOOD = {"first": "success", "left": "success", "right": "success", "last": "success"}
BAD = {"first": "success", "left": "success", "right": "failed", "last": "upstream_failed"}


class Runs:
    """Keeps some runs going; every third is one that fails."""

    def __init__(self, airflow: Airflow) -> None:
        self._airflow = airflow
        self.all: list[tuple[str, str, bool]] = []

    def top_up(self) -> None:
        going = sum(self._airflow.state(dag_id, run_id) not in {"success", "failed"} for dag_id, run_id, _ in self.all)
        for _ in range(going, AT_ONCE):
            dag_id, fails = DAGS[len(self.all) % len(DAGS)], len(self.all) % 3 == 2
            run_id = self._airflow.trigger(dag_id, {"fails": fails}, f"kills_{len(self.all):03}")
            self.all.append((dag_id, run_id, fails))


@pytest.mark.timeout(2400)
def test_kills_at_random_moments(tmp_path):
    dags = tmp_path / "dags"
    dags.mkdir()
    shutil.copy(Path(__file__).parent / "dags" / "kills.py", dags)
    chance = Random(SEED)
    order = [kind for kind, number in KILLS.items() for _ in range(number)]
    chance.shuffle(order)
    with Standalone(dags, tmp_path, free_port(), SETTINGS | NOTICING) as running:
        airflow = Airflow(running, tmp_path)
        runs = Runs(airflow)
        with Killer(running, tmp_path, chance) as killer:
            for kind in order:
                runs.top_up()
                time.sleep(chance.uniform(0, 3))
                while not killer.kill(kind):
                    runs.top_up()
                print(f"{time.strftime('%H:%M:%S')} killed: {kind}", flush=True)
            ended = {run_id: airflow.wait(dag_id, run_id, 300) for dag_id, run_id, _ in runs.all}
            for dag_id, run_id, fails in runs.all:
                check(airflow, dag_id, run_id, fails, ended[run_id])
        sent = Sent(Aws("us-east-1", running.endpoint_url, ("local", "local")))
        for dag_id, run_id, fails in runs.all:
            sent.check(remote_id(dag_id), run_id, 3 if fails else 4, batch=dag_id.endswith("batch"))
    print(f"{sum(killer.kills.values())} kills {dict(killer.kills)} over {len(runs.all)} runs")
    assert killer.kills == KILLS


def remote_id(dag_id):
    return dag_id if "delegated" in dag_id else "kills_work"


def check(airflow, dag_id, run_id, fails, ended):
    expected, state = (BAD, "failed") if fails else (GOOD, "success")
    remote = remote_id(dag_id)
    airflow.wait_for_remote(remote, run_id)
    found = (ended, airflow.ledger.run(remote, run_id)["state"], airflow.remote(remote, run_id))
    tries = {task_id: (outcome, int(outcome != "upstream_failed")) for task_id, outcome in expected.items()}
    assert found == (state, state, tries), (dag_id, run_id)
    shown = {"ductwork_submit": "success", **expected} if remote == dag_id else {"submit": state}
    assert airflow.states(dag_id, run_id) == shown, (dag_id, run_id)
    ran = Counter((airflow.home / f"{run_id}.trace").read_text().split())
    assert ran == dict.fromkeys((task_id for task_id, outcome in expected.items() if outcome != "upstream_failed"), 1)


class Sent:
    """What the embedded AWS has been sent, ever."""

    def __init__(self, aws: Aws) -> None:
        machines, batch = aws.client("stepfunctions"), aws.client("batch")
        self._executions = Counter(
            execution["name"]
            for machine in machines.list_state_machines()["stateMachines"]
            for execution in machines.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
        )
        pages = batch.get_paginator("list_jobs").paginate(
            jobQueue="ductwork-local", filters=[{"name": "JOB_NAME", "values": ["*"]}]
        )
        self._jobs = [job["jobName"] for page in pages for job in page["jobSummaryList"]]

    def check(self, dag_id, run_id, jobs, *, batch):
        mark = names.run_hash(dag_id, run_id)
        name = names.execution_name(dag_id, run_id)
        started = [found for found in self._executions if found.startswith(name[:70])]
        assert started == ([] if batch else [name])
        # A chain submits all its jobs at once, a machine those that run.
        assert sum(mark in job for job in self._jobs) == (4 if batch else jobs), run_id
