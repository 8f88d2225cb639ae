"""How the mirror ends what Batch does not start in a job chain, and tasks without a job: by their trigger rules."""

from __future__ import annotations

import copy
from typing import Any

from remote_runs import Remote

BODY = """
a = job('a', 'exit 1')
b = job('b')
a >> job('strict') >> EmptyOperator(task_id='below')
a >> job('wanted')
b >> job('other')
"""
RULES: dict[str, dict[str, Any]] = {
    "wanted": {"rule": "one_failed"},
    "unwanted": {"upstream": ["a", "b"], "rule": "all_failed"},
    "in_the_end": {"upstream": ["strict", "b"], "rule": "all_done"},
    "free": {"upstream": ["strict"], "rule": "always"},
    "clean": {"upstream": ["wanted", "other"], "rule": "all_done", "teardown": True},
}


def test_the_rules_end_what_no_worker_can_end(remote: Remote) -> None:
    """As if ``a`` were a worker that was to fail quietly and whose container has died: Batch starts nothing below it."""
    artefact = copy.deepcopy(dict(remote.compile("dead_above", BODY, "batch")))
    tasks = artefact["manifest"]["tasks"]
    for task_id, facts in RULES.items():
        tasks[task_id] = {**tasks.get(task_id, {}), **facts}
    handle = remote.submit(artefact, "batch", remote.request("dead_above"))
    remote.watch(handle)
    assert remote.states(handle) == {
        "a": ("failed", 1),
        "b": ("success", 1),
        "other": ("success", 1),
        "strict": ("upstream_failed", 0),
        "below": ("upstream_failed", 0),
        # Airflow would run it: only a restart can.
        "wanted": ("upstream_failed", 0),
        "unwanted": ("skipped", 0),
        "in_the_end": ("success", 1),
        "free": ("success", 1),
        "clean": ("success", 1),
    }
    assert "a job chain cannot go on after. Restart the run" in remote.task(handle, "wanted")["error"]
    assert "Restart the run" not in remote.task(handle, "strict")["error"]
    # ``below`` and ``wanted`` are leaves: a teardown below does not count.
    assert remote.run_item(handle)["state"] == "failed"


def test_leaves_that_ended_well_make_the_run_a_success(remote: Remote) -> None:
    artefact = copy.deepcopy(dict(remote.compile("watched", "job('a', 'exit 1')", "batch")))
    artefact["manifest"]["tasks"]["watcher"] = {"upstream": ["a"], "rule": "all_done"}
    handle = remote.submit(artefact, "batch", remote.request("watched"))
    assert remote.watch(handle).state == "success"
    assert remote.states(handle) == {"a": ("failed", 1), "watcher": ("success", 1)}


def test_a_worker_that_ends_well_without_a_word_has_failed(remote: Remote) -> None:
    """As if the job definition of the worker image ran something else than a worker."""
    artefact = copy.deepcopy(dict(remote.compile("wordless", "job('a') >> EmptyOperator(task_id='below')", "batch")))
    del artefact["manifest"]["tasks"]["a"]["native"]
    handle = remote.submit(artefact, "batch", remote.request("wordless"))
    assert remote.watch(handle).state == "failed"
    assert remote.states(handle) == {"a": ("failed", 1), "below": ("upstream_failed", 0)}
    assert "does its job definition run `ductwork worker`?" in remote.task(handle, "a")["error"]
