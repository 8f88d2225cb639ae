"""What the API would take a minute for: timeouts and SIGKILL, on the scheduler itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ductwork_airflow.embedded_aws.batch import jobs as model
from ductwork_airflow.embedded_aws.batch.jobs import Job, Spec
from ductwork_airflow.embedded_aws.batch.scheduler import ProcessBatch
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool

PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture
def batch(pool: WorkerPool, tmp_path: Path) -> Iterator[ProcessBatch]:
    batch = ProcessBatch(
        pool, jobs=4, log_dir=tmp_path, environment=lambda: PATH, cwd=tmp_path, arn_prefix="arn", kill_after=0.3
    )
    batch.start()
    yield batch
    batch.stop()


def spec(script: str, timeout: int | None = None, attempts: int = 1) -> Spec:
    return Spec(
        name="job",
        queue_arn="queue",
        queue_name="queue",
        compute_environment="environment",
        definition_arn="definition",
        definition_name="definition",
        command=("sh", "-c", script),
        environment={},
        overrides_length=0,
        attempts=attempts,
        timeout=timeout,
    )


def run(batch: ProcessBatch, wanted: Spec) -> Job:
    job, ended = batch.submit(wanted), threading.Event()
    batch.when_ended(job, ended.set)
    assert ended.wait(10)
    return job


def test_a_timed_out_attempt_is_not_retried(batch: ProcessBatch) -> None:
    job = run(batch, spec("exec sleep 30", timeout=1, attempts=3))
    assert (job.status, job.reason) == ("FAILED", "Job attempt duration exceeded timeout")
    assert [attempt["container"]["exitCode"] for attempt in job.attempts] == [143]


def test_who_ignores_sigterm_is_killed(batch: ProcessBatch) -> None:
    job = run(batch, spec("trap '' TERM; while :; do sleep 0.1; done", timeout=1))
    assert job.exit_code() == 137


def test_a_process_that_ends_well_after_its_timeout_has_failed(batch: ProcessBatch) -> None:
    job = run(batch, spec("trap 'exit 0' TERM; while :; do sleep 0.1; done", timeout=1))
    assert (job.status, job.exit_code(), job.reason) == ("FAILED", 0, model.TIMED_OUT)


def test_stopping_kills_what_runs(batch: ProcessBatch, tmp_path: Path) -> None:
    job, pid = batch.submit(spec(f"echo $$ > {tmp_path}/pid; exec sleep 30")), tmp_path / "pid"
    deadline = time.monotonic() + 30
    while not (pid.exists() and pid.read_text()):
        assert time.monotonic() < deadline, job.status
        time.sleep(0.01)
    batch.stop()
    assert not Path("/proc", pid.read_text().strip()).exists()


def test_workers_that_wait_for_jobs_of_their_own_leave_room_for_these(batch: ProcessBatch, tmp_path: Path) -> None:
    """As many workers as there are places, each as a BatchOperator that waits for the job it has submitted."""
    waits = spec(f"while [ ! -e {tmp_path}/done ]; do sleep 0.05; done")
    workers = [batch.submit(replace(waits, environment={"DUCTWORK_DAG_ID": "d"})) for _ in range(5)]
    assert run(batch, spec(f"touch {tmp_path}/done")).status == "SUCCEEDED"
    deadline = time.monotonic() + 10
    while not all(worker.status == "SUCCEEDED" for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_kind_has_so_many_places(batch: ProcessBatch, tmp_path: Path) -> None:
    waits = spec(f"while [ ! -e {tmp_path}/done ]; do sleep 0.05; done")
    jobs = [batch.submit(waits) for _ in range(6)]
    deadline = time.monotonic() + 10
    while sum(job.status == "RUNNING" for job in jobs) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [job.status for job in jobs[4:]] == ["RUNNABLE"] * 2
    (tmp_path / "done").touch()
