"""The trigger: it keeps its settings through serialisation, and one look serves all triggers of a run."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import SetXCom
from airflow.sdk.module_loading import import_string
from ductwork.contracts.ledger import RUN_SK, run_pk, task_sk
from ductwork_airflow.delegate.trigger import MirrorTrigger
from ductwork_airflow.delegate.watch import marked_success
from harness import CREDENTIALS

PAST, NEW = "2026-01-01T00:00:01.000Z", "2026-01-01T00:00:02.000Z"


SETTINGS = {
    "dag_id": "d",
    "run_id": "r",
    "task_id": "t",
    "map_index": -1,
    "submit_task_id": "ductwork_submit",
    "target": "batch",
    "ledger_table": "ledger",
    "connection": {
        "aws_conn_id": "mine",
        "region_name": "eu-west-1",
        "verify": "/ca.pem",
        "botocore_config": {"read_timeout": 5},
    },
    "poll_interval": 0.01,
    "past_run": PAST,
    "past_task": None,
    "foreign": False,
}


def test_serialisation_keeps_every_setting():
    from airflow.models.trigger import Trigger

    path, kwargs = MirrorTrigger(**SETTINGS).serialize()
    stored = Trigger(classpath=path, kwargs=kwargs)
    again = import_string(stored.classpath)(**stored.kwargs)
    assert again.serialize() == (path, SETTINGS)


class Airflow:
    """Airflow, which each look asks for the state of the submit task; meanwhile something happens on AWS.

    :param scenes: one for each look: the submit task's state, the run in the ledger, tasks in it by id, or by id and
        map index
    """

    def __init__(self, ledger, run_id, scenes):
        self._ledger, self._run_id, self.scenes = ledger, run_id, list(scenes)
        self.asked = 0
        self.xcoms = {}

    def send(self, message):
        if isinstance(message, SetXCom):
            self.xcoms[message.key] = message.value
            return None
        self.asked += 1
        submit, run, item = self.scenes.pop(0)
        pk = run_pk("d", self._run_id)
        if run is not None:
            self._ledger.put(pk, RUN_SK, {"dag_id": "d", "run_id": self._run_id, **run})
        for task_id, facts in (item or {}).items():
            self._ledger.put(pk, task_sk(*((task_id,) if isinstance(task_id, str) else task_id)), facts)
        return SimpleNamespace(task_states={self._run_id: {"ductwork_submit": submit}})


@pytest.fixture
def watched(ledger, dynamodb_endpoint, run_id, monkeypatch):
    """``watched(scenes, **settings)``: a trigger, and the Airflow it asks."""
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "-2")  # no process has deferred itself here
    monkeypatch.setenv("AIRFLOW__DUCTWORK__ENDPOINT_URL", dynamodb_endpoint)
    place = {
        "run_id": run_id,
        "ledger_table": ledger.table,
        "connection": {"aws_conn_id": None, "region_name": CREDENTIALS["AWS_DEFAULT_REGION"]},
    }

    def make(scenes, **settings):
        airflow = Airflow(ledger, run_id, scenes)
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", airflow, raising=False)
        return MirrorTrigger(**{**SETTINGS, **place, **settings}), airflow

    return make


async def first(trigger):
    async for found in trigger.run():
        return found.payload


ENDED = {"state": "success", "ended_at": NEW}


@pytest.mark.parametrize(
    ("scenes", "event"),
    [
        ([("failed", None, None)], {"refused": "there is no run on AWS: task ductwork_submit is failed"}),
        ([("running", None, None), ("deferred", {}, {"t": ENDED})], {"ended": True}),
        ([("success", {"ended_at": NEW}, None)], {"ended": True}),
        # A try has ended, and another will follow.
        (
            [("deferred", {}, {"t": {"state": "up_for_retry", "ended_at": NEW}}), ("deferred", {}, {"t": ENDED})],
            {"ended": True},
        ),
        # The ends of before a restart do not count.
        (
            [
                ("success", {"ended_at": PAST}, {"t": {"state": "running"}}),
                ("deferred", {}, {"t": ENDED}),
            ],
            {"ended": True},
        ),
    ],
)
def test_fires_when_there_is_something_to_know(watched, scenes, event):
    trigger, airflow = watched(scenes)
    assert asyncio.run(first(trigger)) == event
    assert airflow.scenes == []


@pytest.mark.parametrize(
    ("scenes", "event"),
    [
        # The submit task refuses; what was seen first may be of a DAG run that was deleted since.
        (
            [("success", {"ended_at": PAST}, None), ("running", None, None), ("failed", None, None)],
            {"refused": "the run on AWS is not this DAG run's: task ductwork_submit is failed"},
        ),
        # It has everything run again.
        ([("running", {"ended_at": PAST}, {"t": ENDED}), ("running", {"ended_at": NEW}, None)], {"ended": True}),
    ],
)
def test_a_run_of_another_dag_run(watched, scenes, event):
    trigger, airflow = watched(scenes, foreign=True, past_task=NEW)
    assert asyncio.run(first(trigger)) == event
    assert airflow.scenes == []


def test_one_look_serves_all_triggers_of_a_run(watched):
    names = [f"t{number}" for number in range(100)]
    one, airflow = watched([("deferred", {}, dict.fromkeys(names, ENDED))], poll_interval=60.0)
    triggers = [MirrorTrigger(**{**one.serialize()[1], "task_id": name}) for name in names]

    async def everyone():
        return await asyncio.gather(*map(first, triggers))

    assert asyncio.run(everyone()) == [{"ended": True}] * 100
    assert airflow.asked == 1


@pytest.mark.parametrize("size", [10, 300])
def test_one_look_serves_all_instances_of_a_mapped_task(watched, calls, size):
    """And costs the same calls, whatever their number: the run, and one query for what is in it."""
    half = {("t", index): ENDED for index in range(size // 2)}
    scenes = [("deferred", {}, half), ("deferred", {}, {("t", index): ENDED for index in range(size)})]
    one, airflow = watched(scenes, poll_interval=0.5)
    triggers = [MirrorTrigger(**{**one.serialize()[1], "map_index": index}) for index in range(size)]

    async def everyone():
        return await asyncio.gather(*map(first, triggers))

    assert asyncio.run(everyone()) == [{"ended": True}] * size
    assert airflow.asked == 2
    del calls["PutItem"]  # the scenes
    assert calls == {"GetItem": 2, "Query": 2}


def test_what_has_diverted_a_mapped_task_has_diverted_its_instances(watched):
    trigger, _ = watched([("deferred", {}, {"t": {"state": "running"}}), ("deferred", {}, {"t": ENDED})], map_index=2)
    assert asyncio.run(first(trigger)) == {"ended": True}


def test_an_instance_waits_for_its_own_end(watched):
    scenes = [("deferred", {}, {("t", 1): ENDED}), ("deferred", {}, {("t", 2): ENDED})]
    trigger, airflow = watched(scenes, map_index=2)
    assert asyncio.run(first(trigger)) == {"ended": True}
    assert airflow.scenes == []


def test_what_is_a_success_in_airflow_alone_has_been_marked():
    """Also a task that has not begun on AWS, so that no trigger waits for it."""
    run = {"tasks": {"begun": {}, "waits": {}, "ended": {}, "each": {}, "below": {}}}
    items = {
        ("begun", -1): {"state": "running"},
        ("ended", -1): ENDED,
        ("each", 0): {"state": "running"},
        ("each", 1): {"state": "running"},
    }
    airflow = dict.fromkeys(("begun", "waits", "ended", "each_1", "ductwork_submit"), "success")
    found = marked_success(run, items, airflow | {"each_0": "deferred", "below": "failed"})
    assert sorted(found) == [("begun", -1), ("each", 1), ("waits", -1)]


def test_a_trigger_that_the_scheduler_starts_waits_for_no_process(watched, monkeypatch):
    trigger, _ = watched([("success", {"ended_at": NEW}, None)])
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "3600")
    named = {"dag_id": None, "run_id": None, "map_index": -1}
    started = MirrorTrigger(**{**trigger.serialize()[1], **named})
    started.task_instance = SimpleNamespace(dag_id="d", run_id=trigger.mirrored[1], task_id="t", map_index=-1)
    assert asyncio.run(asyncio.wait_for(first(started), 60)) == {"ended": True}


def test_links_work_while_the_task_runs(watched):
    running = {"state": "running", "job_id": "j-1"}
    trigger, airflow = watched([("deferred", {}, {"t": running}), ("deferred", {}, {"t": {**ENDED, "job_id": "j-1"}})])
    assert asyncio.run(first(trigger)) == {"ended": True}, "the job has left no log"
    assert airflow.xcoms["ductwork_job_link"].endswith("#jobs/detail/j-1")


def test_does_not_fire_while_the_deferring_process_may_linger(watched, monkeypatch):
    trigger, _ = watched([("success", {"ended_at": NEW}, None)])
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "-1")  # the margin is two seconds
    started = time.monotonic()
    asyncio.run(first(trigger))
    assert time.monotonic() - started >= 1
