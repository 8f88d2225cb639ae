"""Watching and stopping a run that a root machine and its children carry."""

from __future__ import annotations

import pytest
from ductwork.contracts.machine_bundle import MachineBundle
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle
from machine_parts import Child, bundle
from remote_runs import Clients, Remote
from waiting import until

SLEEP = "sleep 60"


def document(dag_id: str) -> MachineBundle:
    """A child's child runs ``slow``; another child ``other``; both sleep."""
    inner = Child([("slow", SLEEP), ("below", "true")])
    return bundle(dag_id, [("a", "true"), Child([("b", "true"), inner]), ("last", "true")], [Child([("other", SLEEP)])])


def running(remote: Remote, dag_id: str, clients: Clients | None = None) -> RunHandle:
    """A run in which both of the tasks that sleep are running."""
    handle = remote.submit(document(dag_id), "stepfunctions", remote.request(dag_id), clients)
    watcher = lifecycle.watcher(remote.clients, handle)

    def look() -> bool:
        watcher.poll()
        return all(remote.task(handle, task).get("state") == "running" for task in ("slow", "other"))

    until(look)
    return handle


def executions(remote: Remote, dag_id: str) -> dict[str, dict[str, str]]:
    """Status by ARN, by the name of the machine: of the root and of its children."""
    pages = remote.sfn.get_paginator("list_state_machines").paginate()
    machines = [machine for page in pages for machine in page["stateMachines"] if machine["name"].startswith(dag_id)]
    return {
        machine["name"]: {
            found["executionArn"]: found["status"]
            for found in remote.sfn.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
        }
        for machine in machines
    }


def one(remote: Remote, handle: RunHandle, part: str) -> str:
    """The ARN of the execution of a child, by the number of its machine."""
    name = next(name for name in document(handle.dag_id)["parts"] if name.startswith(f"{part}-"))
    (arn,) = executions(remote, handle.dag_id)[f"{handle.dag_id}-{name}"]
    return arn


def is_at_rest(remote: Remote, handle: RunHandle) -> bool:
    """Whether nothing of a run is left running on AWS."""
    statuses = [status for found in executions(remote, handle.dag_id).values() for status in found.values()]
    name = (handle.execution_arn or "").rpartition(":")[2]
    jobs = [job for task in ("slow", "other") for job in remote.jobs(f"{task}-{name}")]
    return "RUNNING" not in statuses and all(job["status"] in {"SUCCEEDED", "FAILED"} for job in jobs)


STOPPED = {
    "a": ("success", 1),
    "b": ("success", 1),
    "slow": ("failed", 1),
    "other": ("failed", 1),
    "below": ("upstream_failed", 0),
    "last": ("upstream_failed", 0),
}


def test_a_look_costs_a_call_for_each_machine_that_runs(remote: Remote) -> None:
    clients = Clients(remote.aws)
    handle = running(remote, "children_calls")
    watcher = lifecycle.watcher(clients, handle)
    watcher.poll()
    clients.calls.clear()
    watcher.poll()
    assert clients.calls["get_execution_history"] == 4
    assert sum(clients.calls.values()) <= 5 + 3
    remote.sfn.stop_execution(executionArn=one(remote, handle, "3"))
    remote.watch(handle)
    # What has ended is not read again.
    clients.calls.clear()
    watcher.poll()
    watcher.poll()
    calls = clients.calls["get_execution_history"]
    watcher.poll()
    assert clients.calls["get_execution_history"] == calls


def test_stopping_a_run(remote: Remote) -> None:
    handle = running(remote, "children_stop")
    lifecycle.watcher(remote.clients, handle).stop("the user says so")
    run = remote.run_item(handle)
    assert (run["state"], run["error"]) == ("failed", "ABORTED: Ductwork.Stopped: the user says so")
    assert remote.states(handle) == STOPPED
    assert is_at_rest(remote, handle)


def test_children_of_a_root_that_is_stopped_from_outside_are_stopped(remote: Remote) -> None:
    """AWS does not promise to do so: here the one that has been told does not hear of it."""
    handle = running(remote, "children_root")
    remote.sfn.stop_execution(executionArn=handle.execution_arn, error="Someone", cause="had enough")
    progress = remote.watch(handle)
    assert (progress.state, progress.error) == ("failed", "ABORTED: Someone: had enough")
    assert remote.states(handle) == STOPPED
    assert is_at_rest(remote, handle)


@pytest.mark.parametrize("part", ["1", "2"])
def test_a_child_that_is_stopped_from_outside_breaks_the_run(remote: Remote, part: str) -> None:
    """The child's child, or the child around it: all else is stopped, and the run says which it was."""
    dag_id = f"children_child{part}"
    handle = running(remote, dag_id)
    arn = one(remote, handle, part)
    remote.sfn.stop_execution(executionArn=arn, error="Someone", cause="had enough")
    progress = remote.watch(handle)
    assert progress.state == "failed"
    assert progress.error == f"FAILED: {arn.split(':')[6]}: ABORTED: Someone: had enough"
    assert remote.states(handle) == STOPPED
    until(lambda: is_at_rest(remote, handle))
    # It can be restarted, like any failed run, and is another set of executions.
    again = lifecycle.restart(remote.clients, handle)
    watcher = lifecycle.watcher(remote.clients, again)

    def look() -> bool:
        watcher.poll()
        return all(remote.states(again)[task] == ("running", 2) for task in ("slow", "other"))

    until(look)
    watcher.stop("the test is over")
    assert is_at_rest(remote, again)


def test_a_child_that_breaks_by_itself(remote: Remote) -> None:
    made = bundle("children_broken", [("a", "true"), Child([("b", "true")]), ("c", "true")], [("d", "true")])
    ((name, child),) = made["parts"].items()
    fails = {"Type": "Fail", "Error": "Broken", "Cause": "at once"}
    part = {**child, "StartAt": "Broken", "States": {"Broken": fails}}
    handle = remote.submit({**made, "parts": {name: part}}, "stepfunctions", remote.request("children_broken"))
    progress = remote.watch(handle)
    number = name.partition("-")[0]
    assert progress.error is not None
    assert progress.error.startswith(f"FAILED: children_broken-{number}-")
    assert progress.error.endswith(": FAILED: Broken: at once")
    states = {task: state for task, (state, _) in remote.states(handle).items()}
    assert (states["a"], states["b"], states["c"]) == ("success", "skipped", "skipped")


def test_a_failed_task_in_a_child_is_explained(remote: Remote) -> None:
    made = bundle("children_dead", [("a", "true"), Child([("b", "kill -9 $$"), ("c", "true")]), ("d", "true")])
    handle = remote.submit(made, "stepfunctions", remote.request("children_dead"))
    assert remote.watch(handle).state == "failed"
    assert {task: state for task, (state, _) in remote.states(handle).items()} == {
        "a": "success",
        "b": "failed",
        "c": "upstream_failed",
        "d": "upstream_failed",
    }
    assert "exit code 137" in remote.task(handle, "b")["error"]
