"""Restarts: what ended well is kept, the rest runs again, once, for both targets."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest
from ductwork.compiler import Options, compile_paths
from ductwork_airflow.embedded_aws.services import ROLE_ARN
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle
from forked_processes import ForkedProcesses
from remote_runs import MACHINE_CHAIN, PACE, TABLE, Clients, Killed, Remote

TARGETS = pytest.mark.parametrize("target", ["stepfunctions", "batch", MACHINE_CHAIN])


def body(gate: Path) -> str:
    """``flaky`` fails until the file exists; each job leaves a line."""

    def line(name: str) -> str:
        return f"echo {name} >> {gate}.log"

    return f"""
a = job('a', "{line("a")}")
flaky = job('flaky', "{line("flaky")}; test -e {gate}")
side = job('side', "{line("side")}")
a >> flaky >> job('below', "{line("below")}") >> EmptyOperator(task_id='e')
a >> side
"""


def ran(gate: Path) -> list[str]:
    return sorted(Path(f"{gate}.log").read_text().split())


def failed_run(remote: Remote, dag_id: str, target: str, gate: Path) -> RunHandle:
    handle = remote.run(dag_id, body(gate), target)
    assert remote.run_item(handle)["state"] == "failed"
    assert remote.states(handle) == {
        "a": ("success", 1),
        "side": ("success", 1),
        "flaky": ("failed", 1),
        "below": ("upstream_failed", 0),
        "e": ("upstream_failed", 0),
    }
    return handle


@TARGETS
def test_a_failed_run_goes_on_where_it_failed(remote: Remote, target: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    handle = failed_run(remote, f"restart_{target}", target, gate)
    kept = {task: remote.task(handle, task)["job_id"] for task in ("a", "side")}
    assert all(kept.values())
    # Once more without a change: it fails again, and a second restart is one of its own.
    again = lifecycle.restart(remote.clients, handle, pace=PACE)
    assert remote.watch(again).state == "failed"
    assert remote.states(handle)["flaky"] == ("failed", 2)
    gate.touch()
    again = lifecycle.restart(remote.clients, again, pace=PACE)
    assert remote.watch(again).state == "success"
    assert remote.states(handle) == {
        "a": ("success", 1),
        "side": ("success", 1),
        "flaky": ("success", 3),
        "below": ("success", 1),
        "e": ("success", 1),
    }
    assert ran(gate) == ["a", "below", "flaky", "flaky", "flaky", "side"]
    assert {task: remote.task(handle, task)["job_id"] for task in kept} == kept
    assert "error" not in remote.run_item(handle)
    if target == "stepfunctions":
        assert again.execution_arn.endswith("-r2")
        assert len(remote.executions(again)) == 3


@TARGETS
def test_named_tasks_run_again_with_all_below_them(remote: Remote, target: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    handle = remote.run(f"named_{target}", body(gate), target)
    pushed = remote.ledger.xcom(handle.dag_id, "r", "flaky", "return_value")
    with pytest.raises(lifecycle.SubmissionError, match="ended well: name the tasks"):
        lifecycle.restart(remote.clients, handle)
    with pytest.raises(lifecycle.SubmissionError, match="has no task nope; it has a, below, e, flaky, side"):
        lifecycle.restart(remote.clients, handle, ["nope"])
    handle = lifecycle.restart(remote.clients, handle, ["flaky"], pace=PACE)
    assert remote.watch(handle).state == "success"
    assert ran(gate) == ["a", "below", "below", "flaky", "flaky", "side"]
    assert {task: number for task, (_, number) in remote.states(handle).items()} == {
        "a": 1,
        "side": 1,
        "flaky": 2,
        "below": 2,
        "e": 2,
    }
    assert remote.ledger.xcom(handle.dag_id, "r", "flaky", "return_value")["value"] != pushed["value"]


@TARGETS
def test_restarting_twice_is_one_restart(remote: Remote, target: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    handle = failed_run(remote, f"once_{target}", target, gate)
    gate.touch()
    first = lifecycle.restart(remote.clients, handle, pace=PACE)
    assert lifecycle.restart(remote.clients, handle, pace=PACE) == first
    assert remote.watch(first).state == "success"
    assert ran(gate).count("flaky") == 2


@TARGETS
@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 8))
def test_a_process_that_dies_while_restarting(remote: Remote, target: str, where: str, at: int, tmp_path: Path) -> None:
    gate, calls = tmp_path / "gate", []

    def die(called: str) -> None:
        if called in {"update_item", "submit_job", "start_execution", "delete_item"}:
            calls.append(called)
            if len(calls) == at:
                raise Killed

    handle = failed_run(remote, f"dying_{target}_{where}_{at}", target, gate)
    gate.touch()
    with contextlib.suppress(Killed):
        lifecycle.restart(Clients(remote.aws, **{where: die}), handle, pace=PACE)
    handle = lifecycle.restart(remote.clients, handle, pace=PACE)
    assert remote.watch(handle).state == "success"
    assert ran(gate) == ["a", "below", "flaky", "flaky", "side"]
    assert remote.states(handle)["flaky"] == ("success", 2)


def test_submitting_a_restarted_chain_again_completes_the_restart(remote: Remote, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    artefact, request = remote.compile("resubmitted", body(gate), "batch"), remote.request("resubmitted")
    handle = remote.submit(artefact, "batch", request)
    remote.watch(handle)
    gate.touch()

    def die(called: str) -> None:
        if called == "submit_job":
            raise Killed

    with pytest.raises(Killed):
        lifecycle.restart(Clients(remote.aws, after=die), handle, pace=PACE)
    assert remote.submit(artefact, "batch", request) == handle
    assert remote.watch(handle).state == "success"
    assert ran(gate).count("flaky") == 2


def test_the_command_line_says_that_it_completes_an_earlier_restart(remote: Remote, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    handle = failed_run(remote, "asked_before", "batch", gate)
    gate.touch()

    def die(called: str) -> None:
        if called == "submit_job":
            raise Killed

    with pytest.raises(Killed):
        lifecycle.restart(Clients(remote.aws, before=die), handle, pace=PACE)
    place = ("--endpoint-url", remote.aws.endpoint_url, "--region", "us-east-1", "--ledger-table", TABLE)
    # It would run a task that the earlier one keeps.
    asked = ("restart", "asked_before", "r", "--task", "a", "--no-wait")
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    done = ForkedProcesses.shared().command([*asked, *place], os.environ | keys)
    assert done.code == 0, done.err
    assert "an earlier restart had not begun; this completes it as it was asked for" in done.err
    assert remote.watch(handle).state == "success"
    assert ran(gate).count("a") == 1


@TARGETS
def test_a_restart_runs_what_a_stop_has_skipped(remote: Remote, target: str, tmp_path: Path) -> None:
    """``a`` has ended well, and below it nothing has begun when the run is stopped: nothing has failed."""
    gate, dag_id = tmp_path / "gate", f"stopped_{target}"
    body = "\n".join(f"{name} = job('{name}', 'sleep 2; echo {name} >> {gate}.log')" for name in "abc")
    busy = [occupy(remote) for _ in range(3)]
    artefact = remote.compile(dag_id, f"{body}\na >> b >> c", target)
    handle = remote.submit(artefact, target, remote.request(dag_id))
    watcher = lifecycle.watcher(remote.clients, handle)
    reach(remote, handle, "a", "running")
    busy.append(occupy(remote))  # the last of the four slots, before b can have it
    reach(remote, handle, "a", "success")
    watcher.stop("enough for now")
    assert remote.states(handle) == {"a": ("success", 1), "b": ("skipped", 0), "c": ("skipped", 0)}
    for job_id in busy:
        remote.batch.terminate_job(jobId=job_id, reason="enough")
    again = lifecycle.restart(remote.clients, handle, pace=PACE)
    assert remote.watch(again).state == "success"
    assert remote.states(handle) == {"a": ("success", 1), "b": ("success", 1), "c": ("success", 1)}
    assert ran(gate) == ["a", "b", "c"]


def occupy(remote: Remote) -> str:
    names = {"jobName": "busy", "jobQueue": "remote-queue", "jobDefinition": "remote-definition"}
    return remote.batch.submit_job(**names, containerOverrides={"command": ["sleep", "60"]})["jobId"]


def reach(remote: Remote, handle: RunHandle, task: str, state: str) -> None:
    watcher, deadline = lifecycle.watcher(remote.clients, handle), time.monotonic() + 20
    while remote.task(handle, task).get("state") != state:
        watcher.poll()
        assert time.monotonic() < deadline, remote.states(handle)
        time.sleep(0.05)


# ---- named tasks and marks ----


def two_failures(remote: Remote, dag_id: str, target: str, log: Path) -> RunHandle:
    """``bad`` and ``other`` fail, each with a task below."""

    def line(name: str, then: str = "") -> str:
        return f"echo {name} >> {log}.log{then}"

    return remote.run(
        dag_id,
        f"""
job('bad', "{line("bad", "; exit 1")}") >> job('below', "{line("below")}")
job('other', "{line("other", "; exit 1")}") >> job('end', "{line("end")}")
""",
        target,
    )


@TARGETS
def test_what_is_not_named_is_kept_as_it_ended(remote: Remote, target: str, tmp_path: Path) -> None:
    handle = two_failures(remote, f"kept_{target}", target, tmp_path / "x")
    handle = lifecycle.restart(remote.clients, handle, ["bad"], pace=PACE)
    assert remote.watch(handle).state == "failed"
    assert ran(tmp_path / "x") == ["bad", "bad", "other"]
    assert remote.states(handle) == {
        "bad": ("failed", 2),
        "below": ("upstream_failed", 0),
        "other": ("failed", 1),
        "end": ("upstream_failed", 0),
    }


@TARGETS
def test_a_mark_is_an_outcome_and_what_failed_below_runs(remote: Remote, target: str, tmp_path: Path) -> None:
    handle = two_failures(remote, f"marked_{target}", target, tmp_path / "x")
    handle = lifecycle.restart(remote.clients, handle, marks={"bad": "success"}, pace=PACE)
    assert remote.watch(handle).state == "failed"
    assert ran(tmp_path / "x") == ["bad", "below", "other"]
    assert remote.states(handle)["bad"] == ("success", 1)
    assert "error" not in remote.task(handle, "bad")
    handle = lifecycle.restart(remote.clients, handle, marks={"other": "skipped"}, pace=PACE)
    assert remote.watch(handle).state == "success"
    assert remote.states(handle) == {
        "bad": ("success", 1),
        "below": ("success", 1),
        "other": ("skipped", 1),
        "end": ("skipped", 0),
    }
    # Marks alone, with nothing left to run.
    handle = lifecycle.restart(remote.clients, handle, marks={"end": "failed"}, pace=PACE)
    assert remote.watch(handle).state == "failed"
    assert remote.task(handle, "end")["error"] == "marked failed by hand"
    assert ran(tmp_path / "x") == ["bad", "below", "other"]


@TARGETS
def test_only_the_task_itself(remote: Remote, target: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    handle = remote.run(f"only_{target}", body(gate), target)
    handle = lifecycle.restart(remote.clients, handle, ["a"], only=True, pace=PACE)
    assert remote.watch(handle).state == "success"
    assert ran(gate) == ["a", "a", "below", "flaky", "side"]
    assert remote.states(handle)["a"] == ("success", 2)


def test_a_machine_compiled_without_the_guard_is_not_restarted(remote: Remote, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    handle = failed_run(remote, "unguarded", "stepfunctions", gate)
    options = Options("stepfunctions", None, {"ledger_table": TABLE}, restartable=False)
    document = compile_paths([str(remote.folder / "unguarded.py")], options).artefacts[0].document
    lifecycle.deploy(remote.clients, document, "unguarded", ledger_table=TABLE, role_arn=ROLE_ARN)
    with pytest.raises(
        lifecycle.SubmissionError, match="compiled with --no-restart, .* so it would run everything again"
    ):
        lifecycle.restart(remote.clients, handle, pace=PACE)
    assert "ended_at" in remote.run_item(handle)
    gate.touch()
    document = remote.compile("unguarded", body(gate), "stepfunctions")
    lifecycle.deploy(remote.clients, document, "unguarded", ledger_table=TABLE, role_arn=ROLE_ARN)
    assert remote.watch(lifecycle.restart(remote.clients, handle, pace=PACE)).state == "success"
