"""The trigger in an event loop: what it waits for, what stops it, and that it never holds up the others."""

import asyncio
import threading
import time
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time import task_runner
from aws_proxy import Proxy
from ductwork.compiler import Options, compile_paths
from ductwork_airflow.airflow_side.attachments import Attachment, Attachments
from ductwork_airflow.compat import tells_triggers_of_kills
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.triggers import RunTrigger

TARGETS = ("stepfunctions", "batch")
ROLE = "arn:aws:iam::123456789012:role/ductwork-local"
DEPLOYMENT = {"job_queue": "ductwork-local", "job_definition": "ductwork-worker", "ledger_table": "ductwork"}


@pytest.fixture
def started(airflow_side, embedded, aws, tmp_path, monkeypatch):
    """``started(dag_id, target)``: a trigger of a run that has just begun."""
    monkeypatch.setenv("AIRFLOW__DUCTWORK__ENDPOINT_URL", embedded)
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", airflow_side["AIRFLOW__CORE__DAGS_FOLDER"])
    # No process has deferred itself here, so none may linger.
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "-2")
    begun = []

    def start(dag_id, target, **arguments):
        path = f"{airflow_side['AIRFLOW__CORE__DAGS_FOLDER']}/remote.py"
        (artefact,) = compile_paths([path], Options(target, dag_id, DEPLOYMENT)).artefacts
        moment = datetime.now(timezone.utc)
        request = RunRequest(
            dag_id, f"manual__{tmp_path.name}", moment, (moment, moment), conf={"folder": str(tmp_path)}
        )
        role = {"role_arn": ROLE} if target == "stepfunctions" else {}
        handle = lifecycle.submit(aws, artefact.document, target, request, ledger_table="ductwork", **role)
        begun.append(handle)
        settings = {"handle": handle.as_dict(), "settings": {}, "waiter_delay": None, "waiter_max_attempts": 1000}
        return RunTrigger(**{**settings, **arguments})

    yield start
    for handle in begun:
        lifecycle.watcher(aws, handle).stop("the test is over")


async def first_event(trigger):
    async for event in trigger.run():
        return event.payload


class Turnstile:
    """Lets a request of the trigger through once the event loop has gone round since: never, if the request is made on
    the event loop itself.
    """

    def __init__(self):
        self.loop = None
        self.seen, self.stuck = [], []

    def judge(self, call):
        if self.loop is not None:
            free = threading.Event()
            self.loop.call_soon_threadsafe(free.set)
            self.seen.append(call.action)
            if not free.wait(20):
                self.stuck.append(call.action)
        return None


@pytest.mark.parametrize("target", TARGETS)
def test_it_fires_when_the_run_has_ended_and_never_holds_up_the_event_loop(started, embedded, monkeypatch, target):
    trigger, turnstile = started("good", target), Turnstile()

    async def event_of(trigger):
        turnstile.loop = asyncio.get_running_loop()
        return await first_event(trigger)

    with Proxy(embedded, turnstile.judge) as proxy:
        monkeypatch.setenv("AIRFLOW__DUCTWORK__ENDPOINT_URL", proxy.url)
        event = asyncio.run(event_of(trigger))
    assert (event["status"], event["state"], event["counts"]) == ("ended", "success", {"success": 2})
    assert event["handle"] == trigger.handle.as_dict()
    assert len(turnstile.seen) > 3
    assert turnstile.stuck == [], "made on the event loop"


def test_too_many_looks_and_a_deadline_are_told_apart(started):
    trigger = started("long", "batch", waiter_max_attempts=1)
    assert asyncio.run(first_event(trigger))["status"] == "attempts"
    late = RunTrigger(**{**trigger.serialize()[1], "waiter_max_attempts": 1000, "deadline": time.time() + 1.5})
    begun = time.time()
    assert asyncio.run(first_event(late))["status"] == "deadline"
    assert 1.0 < time.time() - begun < 15


KILLS = [("failed", True, True), ("success", True, True), ("scheduled", True, False), ("failed", False, False)]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("state", "cancel_on_kill", "stops"), KILLS)
def test_on_kill_stops_the_run_unless_the_task_was_cleared(
    started, remote, monkeypatch, target, state, cancel_on_kill, stops
):
    key = ("submitter#control#r1", f"{target}-{state}#{cancel_on_kill}")
    trigger = started("long", target, attachment=key, cancel_on_kill=cancel_on_kill)
    attachments = Attachments(remote.ledger, key)
    attachments.write(Attachment(trigger.handle, 0))
    instance = SimpleNamespace(dag_id="control", run_id="r1", task_id="submit", map_index=-1)
    trigger.task_instance = instance
    answer = SimpleNamespace(task_states={"r1": {"submit": state}})
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=lambda message: answer), raising=False)
    asyncio.run(trigger.on_kill())
    assert attachments.read().killed is stops
    event = asyncio.run(first_event(RunTrigger(**{**trigger.serialize()[1], "deadline": time.time() + 40 * stops + 3})))
    assert (event["status"], event["state"]) == (("ended", "failed") if stops else ("deadline", None))


@pytest.mark.skipif(
    tells_triggers_of_kills(),
    reason="triggers of Airflow 3.3 and later have on_kill; the look for a kill is for those before",
)
def test_before_airflow_3_3_a_cancellation_looks_for_a_kill(started, monkeypatch):
    trigger, asked = started("long", "batch"), []
    trigger.task_instance = SimpleNamespace(dag_id="control", run_id="r1", task_id="submit", map_index=-1)

    def send(message):
        asked.append(message)
        return SimpleNamespace(task_states={"r1": {"submit": "deferred"}})

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)

    async def cancelled():
        running = asyncio.create_task(first_event(trigger))
        await asyncio.sleep(2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    assert len(asked) == 1
