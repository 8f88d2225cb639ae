"""Measures how long runs of random crossing DAGs take beside their critical path. ``python tests/bench/makespan.py [N]``.

The jobs sleep 0.2 to 1 second. Of each run: the critical path of the sleeps alone; that of the jobs as long as they took
here, from a worker's start to its end; and what level-by-level barriers would have cost with the same jobs, computed.

Before that, ten times as many are run by the tests' interpreter in a time in which jobs take as long as they sleep and
all else takes none: what is left beside the critical path is what the machine makes a task wait for without need.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "support"))

from dag_source import write  # noqa: E402
from ductwork.backends.stepfunctions import machine  # noqa: E402
from ductwork.compiler import to_json  # noqa: E402
from ductwork.diagnostics import Diagnostics, Origin  # noqa: E402
from ductwork.ir import Deployment, Task, Worker, Workflow  # noqa: E402
from machine_run import run as interpreted  # noqa: E402
from random_dags import timed_dags  # noqa: E402
from timing import critical_path, decided, spans, with_barriers  # noqa: E402


def run(dags, home):
    """The records of the DAGs, run one after the other with a slot for every job."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
    folder = home / "dags"
    folder.mkdir()
    files = write(folder, dags, per_file=1)
    environment = kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "DUCTWORK_RUNS_AT_ONCE": "1",
        "DUCTWORK_JOBS_AT_ONCE": "20",
    }
    command = [sys.executable, str(TESTS / "support" / "local_runs.py"), "stepfunctions", *map(str, files)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    return {name: run for runs in json.loads(done.stdout).values() for name, run in runs.items()}


def without_overhead(dag):
    """The makespan beside the critical path where nothing but jobs takes time."""
    origin, where = Origin("case.py", 1), Deployment(job_queue="q", job_definition="d")
    tasks = tuple(
        Task(node.name, origin, "x.Y", Worker("it"), node.upstream, node.rule, deployment=where) for node in dag.nodes
    )
    workflow = Workflow(dag.name, origin, "case.py", bundle_path="/dags", tasks=tasks)
    made = json.loads(to_json(machine.emit(workflow, Diagnostics())))
    seconds = {node.name: node.seconds for node in dag.nodes}
    ends = {node.name: "failed" if "fail" in node.script else "success" for node in dag.nodes}
    return interpreted(made, ends, seconds=seconds).seconds / critical_path(dag, seconds)


def main():
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    ideal = [without_overhead(dag) for dag in timed_dags(0, 10 * number)]
    print(f"without overhead, makespan / critical path: median {statistics.median(ideal):.4f}, worst {max(ideal):.4f}")
    dags = timed_dags(0, number)
    with tempfile.TemporaryDirectory() as home:
        records = run(dags, Path(home))
    waits, ratios = [], []
    print("DAG          jobs  makespan  path of sleeps  path of jobs  levels of jobs  (seconds)")
    for dag in dags:
        ran = spans(records[dag.name])
        moments = decided(dag, ran)
        waits += [span.start - moments[name][0] for name, span in ran.items()]
        makespan = max(span.end for span in ran.values())
        sleeps = critical_path(dag, {node.name: node.seconds for node in dag.nodes})
        took = {name: span.end - span.start for name, span in ran.items()}
        path, levels = critical_path(dag, took), with_barriers(dag, took)
        ratios.append((makespan / sleeps, makespan / path, levels / path))
        print(f"{dag.name} {len(ran):5} {makespan:9.2f} {sleeps:15.2f} {path:13.2f} {levels:15.2f}")
    of_sleeps, of_jobs, of_levels = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"from a rule's decision to the job's start: median {statistics.median(waits):.2f} s, max {max(waits):.2f} s")
    print(f"makespan / critical path of the sleeps: median {of_sleeps:.2f}")
    print(f"makespan / critical path of the jobs: median {of_jobs:.2f}, worst {max(r[1] for r in ratios):.2f}")
    print(f"levels / critical path of the jobs: median {of_levels:.2f}, worst {max(r[2] for r in ratios):.2f}")


if __name__ == "__main__":
    main()
