"""What the compiler cuts into several machines for want of room, on the embedded AWS: as one machine does it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ductwork.backends.stepfunctions import costs, machine
from ductwork.compiler import Options, compile_paths
from ductwork.contracts import machine_bundle
from ductwork.contracts.ledger import kept_prefix, run_pk
from ductwork.diagnostics import Diagnostics
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle
from remote_runs import TABLE, Remote

# Crossing dependencies, so that there are joins between the machines; rules; a task that fails until it may succeed.
BODY = """
a, b, c = [job(name) for name in "abc"]
d, e, f = job("d", "{once}"), job("e"), job("f")
[a, b] >> d
[b, c] >> e
[a, c] >> f
g, h = job("g", trigger_rule="one_failed"), job("h", trigger_rule="all_done")
d >> [g, h]
e >> h
i, j, k = [job(name) for name in "ijk"]
[d, f] >> i
g >> j >> k
last = job("last", trigger_rule="none_failed")
[h, i, k] >> last
"""
FIRST = {"d": "failed", "i": "upstream_failed", "last": "upstream_failed"}
# Nothing has failed any more, for the rule of g.
AGAIN = {"g": "skipped", "j": "skipped", "k": "skipped"}


def cut(remote: Remote, dag_id: str, body: str) -> Any:
    """The bundle of machines that may have 45 % of what the whole takes."""
    remote.compile(dag_id, body, "stepfunctions")
    compiled = compile_paths(
        [str(remote.folder / f"{dag_id}.py")], Options("stepfunctions", None, {"ledger_table": TABLE})
    )
    (workflow,) = compiled.workflows
    size = len(compiled.artefacts[0].text().encode())
    findings = Diagnostics()
    made = machine.emit(workflow, findings, limits=replace(costs.AWS, size=size * 45 // 100))
    assert made is not None, [str(finding) for finding in findings]
    return json.loads(json.dumps(made))


def states(remote: Remote, handle: RunHandle) -> dict[str, str]:
    return {task: state for task, (state, _) in remote.states(handle).items()}


@pytest.mark.parametrize("parts", [False, True])
def test_a_run_and_its_restart(remote: Remote, tmp_path: Path, parts: bool) -> None:
    dag_id = f"cut_{parts}"
    body = BODY.format(once=f"test -e {tmp_path}/once || (touch {tmp_path}/once; false)")
    document = cut(remote, dag_id, body) if parts else remote.compile(dag_id, body, "stepfunctions")
    found = machine_bundle.read(document)
    assert (len(found["parts"]) > 1) is parts
    assert ("$run.joins" in json.dumps(found["parts"])) is parts
    # It leaves an execution's input no room for what a restart keeps.
    conf = {"given": "x" * 253_700} if parts else {}
    handle = remote.submit(document, "stepfunctions", remote.request(dag_id, conf=conf))
    assert remote.watch(handle).state == "failed"
    assert states(remote, handle) == dict.fromkeys("abcdefghijk", "success") | {"last": "success"} | FIRST
    assert remote.run_item(handle)["tasks"].keys() == states(remote, handle).keys()
    again = lifecycle.restart(remote.clients, handle, ["d"])
    kept = remote.ledger.get(run_pk(dag_id, "r"), f"{kept_prefix(1)}1")
    assert (kept is not None) is parts
    assert not parts or json.loads(kept["kept"]) == dict.fromkeys("abcef", "success")
    assert remote.watch(again).state == "success"
    assert states(remote, again) == dict.fromkeys("abcdefghijk", "success") | {"last": "success"} | AGAIN
    tries = {task: number for task, (_, number) in remote.states(again).items()}
    assert tries | {"d": 2, "h": 2} == tries
    assert {tries[task] for task in "abcef"} == {1}


def test_a_run_is_stopped(remote: Remote) -> None:
    document = cut(remote, "cut_stopped", BODY.format(once="sleep 60"))
    handle = remote.submit(document, "stepfunctions", remote.request("cut_stopped"))
    watcher = lifecycle.watcher(remote.clients, handle)
    while remote.task(handle, "d").get("state") != "running" or remote.task(handle, "f").get("state") != "success":
        assert not watcher.poll().ended
    watcher.stop("enough")
    assert remote.run_item(handle)["error"] == "ABORTED: Ductwork.Stopped: enough"
    found = states(remote, handle)
    assert [found[task] for task in ("a", "d", "g", "i", "last")] == ["success", "failed"] + ["upstream_failed"] * 3
    assert not [job for job in remote.jobs("d") if job["status"] not in {"SUCCEEDED", "FAILED"}]
