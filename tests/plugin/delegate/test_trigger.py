"""The trigger: it keeps its settings through serialisation, and one look serves all triggers of a run."""

from __future__ import annotations

import asyncio
import time

import pytest
from airflow.sdk.module_loading import import_string
from ductwork_airflow.delegate.trigger import MirrorTrigger
from ductwork_airflow.delegate.watch import Sight, shared


@pytest.fixture(autouse=True)
def _no_lingering_process(monkeypatch):
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "-2")


SETTINGS = {
    "dag_id": "d",
    "run_id": "r",
    "task_id": "t",
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
    "past_run": "2026-01-01T00:00:01.000Z",
    "past_task": None,
}


def test_serialisation_keeps_every_setting():
    from airflow.models.trigger import Trigger

    path, kwargs = MirrorTrigger(**SETTINGS).serialize()
    stored = Trigger(classpath=path, kwargs=kwargs)
    again = import_string(stored.classpath)(**stored.kwargs)
    assert again.serialize() == (path, SETTINGS)


def watch_of(trigger):
    place = {name: SETTINGS[name] for name in ("dag_id", "run_id", "target", "ledger_table", "connection")}
    return shared("ductwork_submit", trigger.poll_interval, **place)


@pytest.mark.parametrize(
    ("sights", "event"),
    [
        ([Sight(submit="failed", wait=0)], {"refused": "there is no run on AWS: task ductwork_submit is failed"}),
        ([Sight(submit="running", wait=0), Sight({}, "deferred", {"t": {"ended_at": "x"}}, 0)], {"ended": True}),
        ([Sight({"ended_at": "x"}, "success", {}, 0)], {"ended": True}),
        # The ends of before a restart do not count.
        (
            [
                Sight({"ended_at": SETTINGS["past_run"]}, "success", {"t": {"state": "running"}}, 0),
                Sight({}, "success", {"t": {"ended_at": "new"}}, 0),
            ],
            {"ended": True},
        ),
    ],
)
def test_fires_when_there_is_something_to_know(sights, event):
    trigger = MirrorTrigger(**SETTINGS)
    watch, waiting = watch_of(trigger), list(sights)
    watch._look = lambda: waiting.pop(0)

    async def first():
        async for found in trigger.run():
            return found.payload

    assert asyncio.run(first()) == event
    assert waiting == []


def test_one_look_serves_all_triggers_of_a_run():
    triggers = [MirrorTrigger(**{**SETTINGS, "task_id": f"t{n}", "poll_interval": 7.0}) for n in range(100)]
    watch, looks = watch_of(triggers[0]), []

    def look():
        looks.append(1)
        return Sight({}, "deferred", {f"t{n}": {"ended_at": "x"} for n in range(100)}, 7.0)

    watch._look = look

    async def fire(trigger):
        async for found in trigger.run():
            return found.payload

    async def everyone():
        return await asyncio.gather(*map(fire, triggers))

    assert asyncio.run(asyncio.wait_for(everyone(), 30)) == [{"ended": True}] * 100
    assert len(looks) == 1


def test_does_not_fire_while_the_deferring_process_may_linger(monkeypatch):
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "-1")  # the margin is two seconds
    trigger = MirrorTrigger(**{**SETTINGS, "poll_interval": 0.02})
    watch = watch_of(trigger)
    watch._look = lambda: Sight({"ended_at": "x"}, "success", {}, 0)

    async def first():
        async for _ in trigger.run():
            return

    started = time.monotonic()
    asyncio.run(first())
    assert 1 <= time.monotonic() - started < 2
