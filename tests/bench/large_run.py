"""A DAG of thousands of tasks, carried by several state machines, on the embedded AWS: ``large_run.py [TASKS [KIND]]``.

The jobs do nothing. Measured are wall and CPU time, the memory of this process, in which moto, the watcher and the
ledger are, and the calls to AWS: of a run to its end, of its restart from a failed task on, and of one that is stopped.
KIND is ``last``: nothing fails or is stopped, and the restart is that of the last task alone, which keeps all others.
Or ``dense``: the random DAG of layout.py, of tasks that do nothing, to its end.
Interpreting the machines is moto's work, and what takes most of the time.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

ARGUMENTS = sys.argv[1:]
sys.argv = sys.argv[:1]  # layout reads its own

import layout  # noqa: E402
from ductwork.compiler import Compiled, Options, compile_paths  # noqa: E402
from ductwork.contracts import machine_bundle  # noqa: E402
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool  # noqa: E402
from ductwork_airflow.embedded_aws.services import EmbeddedAws  # noqa: E402
from ductwork_airflow.reporting import report  # noqa: E402
from ductwork_airflow.run_model.handle import RunHandle  # noqa: E402
from ductwork_airflow.runs import lifecycle  # noqa: E402
from remote_runs import TABLE, Remote  # noqa: E402

DAG_ID, WIDTH, ONCE = "large", 100, "once"
_DAG = """
from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.sdk import DAG

def job(task_id, command="true"):
    overrides = {{"command": ["sh", "-c", command]}}
    return BatchOperator(task_id=task_id, job_name=task_id, job_queue="remote-queue",
                         job_definition="remote-definition", container_overrides=overrides)

with DAG("large"):
    tasks = [job(f"task_{{n}}", {failing!r} if n == {size} // 2 else "true") for n in range({size})]
    for n in range({width}, {size}):
        tasks[n - {width}] >> tasks[n]
        if n % 10 == 0:
            tasks[n - {width} + 1] >> tasks[n]
"""


@contextmanager
def measured(what: str, remote: Remote) -> Iterator[None]:
    """Print what a block takes."""
    remote.clients.calls.clear()
    wall, cpu = time.monotonic(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    calls = ", ".join(f"{name} {number:,}" for name, number in remote.clients.calls.most_common())
    spent = f"{time.monotonic() - wall:.1f} s, {time.process_time() - cpu:.1f} s of CPU, at most {peak:,.0f} MiB so far"
    print(f"{what}: {spent}; {sum(remote.clients.calls.values()):,} calls: {calls}", flush=True)


def watch(remote: Remote, handle: RunHandle) -> tuple[str, dict[str, int]]:
    """Look at a run until it has ended, as often as the mirror says."""
    watcher = lifecycle.watcher(remote.clients, handle)
    while not (progress := watcher.poll()).ended:
        time.sleep(progress.wait)
    return progress.state, dict(progress.counts)


def compile_file(remote: Remote, path: Path) -> Compiled:
    """A file compiled without a finding."""
    with measured("compiled", remote):
        compiled = compile_paths([str(path)], Options("stepfunctions", None, {"ledger_table": TABLE}))
    assert not compiled.diagnostics.failed, [str(finding) for finding in compiled.diagnostics]
    return compiled


def measure(remote: Remote, size: int, *, last: bool) -> None:
    """All of it."""
    failing = "true" if last else f"test -e {remote.folder}/{ONCE} || (touch {remote.folder}/{ONCE}; false)"
    path = remote.folder / "large.py"
    path.write_text(_DAG.format(size=size, width=WIDTH, failing=failing))
    compiled = compile_file(remote, path)
    document = compiled.artefacts[0].document
    found = machine_bundle.read(document)
    sizes = [len(json.dumps(each)) for each in (found["definition"], *found["parts"].values())]
    print(f"{size:,} tasks, {len(sizes)} machines of {min(sizes):,} to {max(sizes):,} bytes", flush=True)
    with measured("started", remote):
        handle = remote.submit(document, "stepfunctions", remote.request(DAG_ID))
    with measured("started again", remote):
        assert remote.submit(document, "stepfunctions", remote.request(DAG_ID)) == handle
    with measured("watched to its end", remote):
        print(*watch(remote, handle))
    with measured("status", remote):
        shown = report.read(remote.ledger, DAG_ID, "r", [task.task_id for task in compiled.workflows[0].tasks])
        assert shown is not None and len(shown.tasks) == size
    with measured("restarted, and watched to its end", remote):
        print(*watch(remote, lifecycle.restart(remote.clients, handle, [f"task_{size - 1}"] if last else None)))
    if last:
        return
    with measured("another, stopped in the middle", remote):
        second = remote.submit(document, "stepfunctions", remote.request(DAG_ID, "r2"))
        watcher = lifecycle.watcher(remote.clients, second)
        while watcher.poll().counts.get("success", 0) < size // 4:
            time.sleep(1)
        begun = time.monotonic()
        watcher.stop("enough")
        print(f"stopping took {time.monotonic() - begun:.1f} s: {watcher.poll()}")


def measure_dense(remote: Remote, size: int) -> None:
    """A random DAG, of which most edges are told to joins."""
    path = remote.folder / "dense.py"
    path.write_text(layout.HEAD + layout.SHAPES["random"].format(size=size))
    compiled = compile_file(remote, path)
    with measured("started", remote):
        handle = remote.submit(compiled.artefacts[0].document, "stepfunctions", remote.request("measured"))
    with measured("watched to its end", remote):
        print(*watch(remote, handle))


def main() -> None:
    size = int(ARGUMENTS[0]) if ARGUMENTS else 3_000
    kind = "".join(ARGUMENTS[1:])
    with (
        tempfile.TemporaryDirectory() as folder,
        WorkerPool(preload=False) as pool,
        EmbeddedAws(pool=pool, jobs=8, log_dir=Path(folder) / "logs") as aws,
    ):
        remote = Remote(aws, Path(folder))
        if kind == "dense":
            measure_dense(remote, size)
        else:
            measure(remote, size, last=kind == "last")


if __name__ == "__main__":
    main()
