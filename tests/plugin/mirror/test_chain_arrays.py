"""Arrays of a job chain, as its mirror sees them. Their children are plain commands, which say nothing themselves."""

from __future__ import annotations

from typing import Any

from ductwork_airflow.ledger import Item
from ductwork_airflow.reporting import report
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle
from remote_runs import DEFINITION, QUEUE, TABLE, Remote
from waiting import until

SIZE = 4
LETTERS = {"success": "g", "failed": "f", "skipped": "s", "upstream_failed": "u"}


def array(name: str, command: str = "true", depends_on: tuple[str, ...] = (), group: str = "") -> dict[str, Any]:
    submit = {
        "jobName": name,
        "jobQueue": QUEUE,
        "jobDefinition": DEFINITION,
        "arrayProperties": {"size": SIZE},
        "containerOverrides": {"command": ["sh", "-c", command]},
    }
    return {"name": name, "depends_on": list(depends_on), "submit": submit} | ({"group": group} if group else {})


def chain(dag_id: str, jobs: list[dict[str, Any]], tasks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    facts = {task: {"size": SIZE, **own} for task, own in tasks.items()}
    manifest = {"dag_file": "dag.py", "ledger_table": TABLE, "tasks": facts}
    return {"version": 1, "dag_id": dag_id, "jobs": jobs, "manifest": manifest}


def states(remote: Remote, handle: RunHandle) -> dict[str, str]:
    """Of the instances of each task, in the order of their indexes, a letter each; ``-`` for none."""
    found: dict[str, dict[int, Item]] = {}
    for item in remote.ledger.tasks(handle.dag_id, handle.run_id):
        found.setdefault(item["task_id"], {})[item["map_index"]] = item
    assert all(0 <= index < SIZE for items in found.values() for index in items)
    return {
        task: "".join(LETTERS[items[index]["state"]] if index in items else "-" for index in range(SIZE))
        for task, items in found.items()
    }


def test_instances_end_one_by_one_in_a_group(remote: Remote) -> None:
    """The second child of ``a`` dies; what is outside the group waits for all children, and looks at all of them."""
    jobs = [
        array("a", 'test "$AWS_BATCH_JOB_ARRAY_INDEX" != 1 || exit 3', group="g"),
        array("b", depends_on=("a",), group="g"),
        array("c", depends_on=("b",)),
    ]
    tasks = {
        "g.a": {"job": "a", "group": "g", "native": True},
        "g.b": {"job": "b", "group": "g", "upstream": ["g.a"], "native": True},
        "g.empty": {"group": "g", "upstream": ["g.b"], "rule": "one_failed"},
        "c": {"job": "c", "upstream": ["g.b"]},
        "done": {"upstream": ["g.b"], "rule": "all_done"},
    }
    handle = remote.submit(chain("one_by_one", jobs, tasks), "batch", remote.request("one_by_one"))
    assert {task: item["size"] for task, item in remote.ledger.mapped("one_by_one", "r").items()} == dict.fromkeys(
        tasks, SIZE
    )
    (a,), (b,), (c,) = (remote.jobs(f"{name}-") for name in "abc")
    ids = [job["jobId"] for job in (b, c)]
    dependencies = [job["dependsOn"] for job in remote.batch.describe_jobs(jobs=ids)["jobs"]]
    assert dependencies == [[{"jobId": a["jobId"], "type": "N_TO_N"}], [{"jobId": b["jobId"]}]]
    before = remote.clients.calls.copy()
    assert remote.watch(handle).state == "failed"
    expected = {"g.a": "gfgg", "g.b": "gugg", "g.empty": "sgss", "c": "uuuu", "done": "gggg"}
    assert states(remote, handle) == expected
    dead = remote.ledger.task("one_by_one", "r", "g.a", 1) or {}
    assert "exit code 3" in dead["error"]
    assert dead["job_id"].endswith(":1")
    assert (dead["try_number"], (remote.ledger.task("one_by_one", "r", "g.b", 1) or {})["try_number"]) == (1, 0)
    assert remote.clients.calls["list_jobs"] == before["list_jobs"]


def test_what_batch_does_not_start_is_asked_after_once(remote: Remote) -> None:
    """All children of ``b`` wait for the same job, so that one of them tells of all."""
    jobs = [array("a", "exit 1"), array("b", depends_on=("a",))]
    tasks = {"a": {"job": "a"}, "b": {"job": "b", "upstream": ["a"], "rule": "all_done"}}
    handle = remote.submit(chain("once", jobs, tasks), "batch", remote.request("once"))
    until(lambda: all(job["status"] == "FAILED" for job in remote.jobs("b-")) and remote.jobs("b-"))
    watcher = lifecycle.watcher(remote.clients, handle)
    before = remote.clients.calls["describe_jobs"]
    assert watcher.poll().ended
    # The parents; the children of a, which are dead; one child of b.
    assert remote.clients.calls["describe_jobs"] - before == 4
    assert states(remote, handle) == {"a": "ffff", "b": "uuuu"}
    assert "Restart the run" in (remote.ledger.task("once", "r", "b", 3) or {})["error"]


def test_a_stopped_run_ends_all_its_instances(remote: Remote) -> None:
    jobs = [array("slow", "exec sleep 60"), array("below", depends_on=("slow",))]
    tasks = {"slow": {"job": "slow"}, "below": {"job": "below", "upstream": ["slow"]}, "e": {"upstream": ["below"]}}
    handle = remote.submit(chain("stopped", jobs, tasks), "batch", remote.request("stopped"))
    watcher = lifecycle.watcher(remote.clients, handle)

    def is_running() -> bool:
        counts = watcher.poll().counts
        told = remote.ledger.mapped("stopped", "r")["slow"].get("job", {}).get("states")
        assert sum(counts.values()) == 3 * SIZE
        return told == {"RUNNING": SIZE}

    until(is_running)
    remote.ledger.record_task("stopped", "r", "slow", "running", 1, map_index=2, owner=True)
    found = report.read(remote.ledger, "stopped", "r")
    assert found is not None
    assert found.mapped["below"] == {"none": SIZE}
    watcher.stop("enough")
    assert watcher.poll().state == "failed"
    assert states(remote, handle) == {"slow": "ffff", "below": "uuuu", "e": "uuuu"}
    assert {job["status"] for job in remote.jobs("slow-")} == {"FAILED"}


def test_an_array_that_batch_has_forgotten_fails(remote: Remote) -> None:
    handle = remote.submit(chain("gone", [array("a")], {"a": {"job": "a"}}), "batch", remote.request("gone"))
    (claim,) = remote.ledger.partition("run#gone#r", "job#")
    remote.ledger.update(claim["pk"], claim["sk"], {"job_id": "11111111-2222-3333-4444-555555555555"})
    remote.watch(handle)
    assert states(remote, handle) == {"a": "ffff"}
    assert "does not know the job" in (remote.ledger.task("gone", "r", "a", 0) or {})["error"]
