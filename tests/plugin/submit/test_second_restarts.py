"""A restart of a run that was restarted before: its jobs wait for what they came after in the chain."""

from __future__ import annotations

from pathlib import Path

from ductwork_airflow.runs import lifecycle
from remote_runs import PACE, Remote


def test_jobs_come_after_what_an_earlier_restart_has_kept(remote: Remote, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    body = f"job('a') >> job('b', 'test -e {gate}') >> job('c')"
    handle = remote.run("second", body, "batch")
    gate.touch()
    first = lifecycle.restart(remote.clients, handle, pace=PACE)  # b and c
    assert remote.watch(first).state == "success"
    second = lifecycle.restart(remote.clients, first, ["a"], pace=PACE)
    assert remote.watch(second).state == "success"
    jobs = {job["jobName"].rpartition("-r2")[0]: job["jobId"] for job in remote.jobs("second-")}
    made = {name.split("-")[1]: job_id for name, job_id in jobs.items() if name}
    found = {job["jobId"]: job for job in remote.batch.describe_jobs(jobs=list(made.values()))["jobs"]}
    above = {name: [up["jobId"] for up in found[job_id]["dependsOn"]] for name, job_id in made.items()}
    assert above == {"a": [], "b": [made["a"]], "c": [made["b"]]}
