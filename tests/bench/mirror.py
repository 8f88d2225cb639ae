"""Measures the mirror: what a look costs, and how soon the ledger knows of a task's end. ``make bench`` runs it.

The cost is that of a look at a run with 10, 100 and 1,000 jobs in flight: seconds of this process, against an AWS that
answers from memory and a DynamoDB (moto) on this machine, so the network is not in it; and calls, which are exact.

The lag is the time from a job's end, as Batch reports it, to the moment from which the ledger says so (read every
0.05 s), for jobs without a worker that would tell the ledger itself, watched at the mirror's own pace.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from ductwork.contracts.ledger import TERMINAL_STATES
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool

SIZES = (10, 100, 1000)
LOOKS = 5
JOBS = 30


def cost(remote, target, size):
    """Median seconds of a look in which nothing has changed, and its calls."""
    from canned import canned_run
    from ductwork_airflow.runs import lifecycle

    clients, aws, handle = canned_run(remote, target, size)
    watcher = lifecycle.watcher(aws, handle)
    watcher.poll()  # the first one writes each task instance once
    clients.calls.clear()
    seconds = []
    for _ in range(LOOKS):
        started = time.perf_counter()
        watcher.poll()
        seconds.append(time.perf_counter() - started)
    calls = sum(clients.calls.values()) / LOOKS
    print(f"a look, {target}, {size:5,} jobs in flight: {statistics.median(seconds):.3f} s, {calls:.0f} calls")


def known_ends(ledger, handle, found, stop):
    """When each task's end is first to be read in the ledger, in epoch seconds, by task id."""
    while not stop.is_set():
        for item in ledger.tasks(handle.dag_id, handle.run_id):
            if item.get("state") in TERMINAL_STATES:
                found.setdefault(item["task_id"], time.time())
        time.sleep(0.05)


def lag(remote, target):
    """From a job's end to the ledger's knowledge of it, at the mirror's own pace."""
    from ductwork_airflow.runs import lifecycle

    body = "\n".join(f"job('t{number}', 'sleep {1 + number % 7}')" for number in range(JOBS))
    handle = remote.submit(remote.compile(f"lag_{target}", body, target), target, remote.request(f"lag_{target}"))
    known, stop = {}, threading.Event()
    reader = threading.Thread(target=known_ends, args=(remote.ledger, handle, known, stop))
    reader.start()
    watcher = lifecycle.watcher(remote.clients, handle)
    while not (progress := watcher.poll()).ended:
        time.sleep(progress.wait)
    while len(known) < JOBS:
        time.sleep(0.05)
    stop.set()
    reader.join()
    found = sorted(
        known[item["task_id"]] - remote.batch.describe_jobs(jobs=[item["job_id"]])["jobs"][0]["stoppedAt"] / 1000
        for item in remote.ledger.tasks(handle.dag_id, handle.run_id)
    )
    print(
        f"lag, {target}, {JOBS} jobs: median {statistics.median(found):.2f} s, "
        f"90th percentile {found[int(len(found) * 0.9)]:.2f} s, longest {found[-1]:.2f} s"
    )


def main():
    with WorkerPool(preload=False) as pool, tempfile.TemporaryDirectory() as folder:
        from ductwork_airflow.embedded_aws.services import EmbeddedAws
        from remote_runs import Remote

        with EmbeddedAws(pool=pool, jobs=8, log_dir=Path(folder)) as aws:
            remote = Remote(aws, Path(folder))
            for target in ("stepfunctions", "batch"):
                lag(remote, target)
            for target in ("stepfunctions", "batch"):
                for size in SIZES:
                    cost(remote, target, size)


if __name__ == "__main__":
    main()
