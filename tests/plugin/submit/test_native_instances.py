"""Mapped tasks whose instances are jobs of the user's own: iterations of a Map, with no worker in them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle
from remote_runs import PACE, Remote


def body(gate: Path) -> str:
    """An instance for each letter, one of which fails until the file exists; each job leaves a line."""
    script = f"echo {{letter}} {{{{{{{{ ds }}}}}}}} >> {gate}.log; test {{letter}} != b || test -e {gate}"
    commands = [script.format(letter=letter) for letter in "abc"]
    overrides = [{"command": ["sh", "-c", command]} for command in commands]
    return f"""
from airflow.sdk import task_group
names = dict(job_name='letters', job_queue='remote-queue', job_definition='remote-definition', retries=0)
letters = BatchOperator.partial(task_id='letters', **names).expand(container_overrides={overrides!r})
@task_group
def each(x):
    inner = job('inner', 'echo inner >> {gate}.log')
each.expand(x=[1, 2])
letters >> job('below', 'echo below >> {gate}.log')
""".replace("{{{{", "{{").replace("}}}}", "}}")


def instances(remote: Remote, handle: RunHandle, task: str) -> dict[int, tuple[str, int]]:
    items = remote.ledger.instances(handle.dag_id, handle.run_id, task)
    return {item["map_index"]: (item["state"], item["try_number"]) for item in items}


def lines(gate: Path) -> list[str]:
    return sorted(Path(f"{gate}.log").read_text().splitlines())


def value(remote: Remote, handle: RunHandle, task: str, index: int) -> Any:
    found = remote.ledger.xcom(handle.dag_id, handle.run_id, task, "return_value", index)
    return found and found["value"]


def test_a_restart_runs_the_instances_that_failed(remote: Remote, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    handle = remote.run("native_map", body(gate), "stepfunctions")
    assert instances(remote, handle, "letters") == {0: ("success", 1), 1: ("failed", 1), 2: ("success", 1)}
    assert instances(remote, handle, "each.inner") == {0: ("success", 1), 1: ("success", 1)}
    first = ["a 2026-03-01", "b 2026-03-01", "c 2026-03-01", "inner", "inner"]
    assert lines(gate) == first
    items = {item["map_index"]: item for item in remote.ledger.instances("native_map", "r", "letters")}
    assert "exit code 1" in items[1]["error"]
    # As under Airflow, each instance returns its job's id.
    for task, index in (("letters", 0), ("letters", 2), ("each.inner", 1)):
        item = remote.ledger.task("native_map", "r", task, index) or {}
        assert value(remote, handle, task, index) == item["job_id"]
    assert value(remote, handle, "letters", 1) is None
    gate.touch()
    again = lifecycle.restart(remote.clients, handle, pace=PACE)
    assert remote.watch(again).state == "success"
    assert instances(remote, again, "letters") == {0: ("success", 1), 1: ("success", 2), 2: ("success", 1)}
    assert lines(gate) == sorted([*first, "b 2026-03-01", "below"])
    # One instance of the group, and nothing else.
    once = lifecycle.restart(remote.clients, again, instances={"each.inner": [1]}, only=True, pace=PACE)
    assert remote.watch(once).state == "success"
    assert instances(remote, once, "each.inner") == {0: ("success", 1), 1: ("success", 2)}
    assert lines(gate).count("inner") == 3


def test_more_instances_than_a_map_runs_inline(remote: Remote, tmp_path: Path) -> None:
    overrides = "[{'command': ['sh', '-c', f'echo {number} >> " + f"{tmp_path}/log" + "']} for number in range(45)]"
    names = "job_name='n', job_queue='remote-queue', job_definition='remote-definition'"
    mapped = f"BatchOperator.partial(task_id='n', {names}).expand(container_overrides={overrides})"
    handle = remote.run("native_many", mapped, "stepfunctions")
    assert instances(remote, handle, "n") == dict.fromkeys(range(45), ("success", 1))
    assert sorted(map(int, (tmp_path / "log").read_text().split())) == list(range(45))
    assert value(remote, handle, "n", 44)


def test_each_is_shown_while_it_runs(remote: Remote) -> None:
    overrides = [{"command": ["sh", "-c", f"exec sleep {seconds}"]} for seconds in ("60", "0", "61")]
    names = "job_name='s', job_queue='remote-queue', job_definition='remote-definition'"
    mapped = f"BatchOperator.partial(task_id='s', {names}).expand(container_overrides={overrides!r})"
    handle = remote.submit(
        remote.compile("native_shown", mapped, "stepfunctions"), "stepfunctions", remote.request("native_shown")
    )
    watcher, deadline = lifecycle.watcher(remote.clients, handle), time.monotonic() + 40
    expected = {0: ("running", 1), 1: ("success", 1), 2: ("running", 1)}
    while instances(remote, handle, "s") != expected:
        watcher.poll()
        assert time.monotonic() < deadline, instances(remote, handle, "s")
        time.sleep(0.1)
    watcher.stop("seen")
    remote.watch(handle)
    assert instances(remote, handle, "s") == {0: ("failed", 1), 1: ("success", 1), 2: ("failed", 1)}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("job_name='n', wait_for_completion=True, region_name='eu-west-1'", "region_name"),
        ("job_name='{{ var.value.x }}'", "var"),
    ],
)
def test_what_only_airflow_can_submit_runs_in_workers(remote: Remote, arguments: str, why: str) -> None:
    more = "job_queue='remote-queue', job_definition='remote-definition'"
    mapped = f"BatchOperator.partial(task_id='n', {more}, {arguments}).expand(parameters=[{{'a': '1'}}, {{'a': '2'}}])"
    document = remote.compile("native_not", mapped, "stepfunctions")
    assert "Only n[0]?" in document["States"], why
