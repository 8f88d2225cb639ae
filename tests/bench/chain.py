"""Measures large job chains: what compiling, submitting and watching 1,000 and 10,000 jobs costs. ``make bench`` runs it.

Compiling is held against Airflow's own work on the same file, loading and serialising it; both in this process, after
all imports. Calls are exact. Seconds of submissions and looks are against a Batch and a DynamoDB (moto) on this
machine; on AWS a chain takes a second for each 45 jobs at the least, which is the pace. Nothing is started.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"] = "3600"
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool

SIZES = [int(size) for size in sys.argv[1:]] or [1_000, 10_000]
WIDTH = 100

LAYERS = """
above = [job(f"t0_{{k}}") for k in range({width})]
for n in range(1, {layers}):
    below = [job(f"t{{n}}_{{k}}") for k in range({width})]
    for k, each in enumerate(below):
        [above[k], above[(k + 1) % {width}]] >> each
    above = below
"""


def seconds(call):
    started = time.perf_counter()
    made = call()
    return made, time.perf_counter() - started


def airflow_loads(path):
    from airflow.serialization.serialized_objects import DagSerialization
    from ductwork_airflow.compat import dag_bag

    bag = dag_bag()(path, bundle_path=path.parent)
    return [DagSerialization.to_dict(dag) for dag in bag.dags.values()]


def measure(remote, size):
    from ductwork_airflow.runs import lifecycle
    from ductwork_airflow.submit.pace import Pace
    from remote_runs import TABLE, Clients

    dag_id = f"chain_{size}"
    body = LAYERS.format(width=WIDTH, layers=size // WIDTH)
    artefact, compiling = seconds(lambda: remote.compile(dag_id, body, "batch"))
    _, loading = seconds(lambda: airflow_loads(remote.folder / f"{dag_id}.py"))
    print(
        f"{size:,} jobs: compiled in {compiling:.1f} s, Airflow loads and serialises the DAG in {loading:.1f} s: "
        f"ratio {compiling / loading:.2f}"
    )

    def submit():
        clients = Clients(remote.aws)
        pace = Pace(rate=1e9)
        return clients, lifecycle.submit(
            clients, artefact, "batch", remote.request(dag_id), ledger_table=TABLE, pace=pace
        )

    (clients, handle), took = seconds(submit)
    calls = sum(clients.calls.values())
    print(f"  submitted in {took:.1f} s, {calls:,} calls, {calls / size:.2f} a job: {dict(clients.calls)}")
    (clients, handle), took = seconds(submit)
    print(f"  found submitted in {took:.1f} s, {sum(clients.calls.values())} calls: {dict(clients.calls)}")
    clients = Clients(remote.aws)
    watcher = lifecycle.watcher(clients, handle)
    for name in ("first", "second", "third"):
        clients.calls.clear()
        progress, took = seconds(watcher.poll)
        calls = sum(clients.calls.values())
        print(f"  {name} look: {took:.1f} s, {calls:,} calls, {dict(clients.calls)}; {dict(progress.counts)}")


def main():
    with WorkerPool(preload=False) as pool, tempfile.TemporaryDirectory() as folder:
        from ductwork_airflow.embedded_aws.services import EmbeddedAws
        from remote_runs import Remote

        with EmbeddedAws(pool=pool, jobs=0, log_dir=Path(folder)) as aws:
            remote = Remote(aws, Path(folder))
            remote.compile("warm_up", "job('a')", "batch")
            for size in SIZES:
                measure(remote, size)


if __name__ == "__main__":
    main()
