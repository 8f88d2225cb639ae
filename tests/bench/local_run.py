"""Measures Ductwork beside Airflow's own work on the same DAG, in one run, as ratios. ``make bench`` runs it.

Every figure is the median of several runs, taken in turn (ours, theirs, ours, ...), because machines drift.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "dags" / "daily_edw_load.py"
SMALL = ROOT / "tests" / "golden" / "dags" / "chain.py"
BIN = Path(sys.executable).parent
ROUNDS = 5


def seconds(command, environment):
    started = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, capture_output=True, env=environment)
    return time.perf_counter() - started


def beside(name, ours, theirs, environment, rounds=ROUNDS):
    """Print the medians of two commands and the ratio of each pair's times."""
    seconds(ours, environment), seconds(theirs, environment)  # once for the caches
    pairs = [(seconds(ours, environment), seconds(theirs, environment)) for _ in range(rounds)]
    first, second = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"{name}: {first:.2f} s against {second:.2f} s, ratio {ratio:.2f}")


def overhead_per_task(environment):
    """What a task costs on the embedded AWS beyond its own work: from its upstream's end to its own, for empty work."""
    with tempfile.TemporaryDirectory() as folder:
        dag = Path(folder) / "chain.py"
        dag.write_text(
            "from airflow.sdk import DAG, chain, task\n"
            "with DAG('chain'):\n"
            "    @task\n    def nothing():\n        pass\n"
            "    chain(*[nothing.override(task_id=f't{i:02}')() for i in range(11)])\n"
        )
        command = [BIN / "ductwork", "run", dag, "--local", "--json", "--run-id", f"bench-{time.time_ns()}"]
        subprocess.run([str(part) for part in command], check=True, capture_output=True, env=environment)
        ledger = json.loads((Path(environment["AIRFLOW_HOME"]) / "ductwork" / "ledger.json").read_text())
        items = ledger["tables"]["ductwork"]["items"]
        ends = sorted(item["ended_at"]["S"] for item in items if item["sk"]["S"].startswith("task#t"))
    from datetime import datetime

    moments = [datetime.fromisoformat(end.replace("Z", "+00:00")) for end in ends]
    gaps = [(b - a).total_seconds() for a, b in zip(moments, moments[1:], strict=False)]
    print(f"worker overhead per task: {statistics.median(gaps):.2f} s (median of {len(gaps)} tasks in a chain)")


def main():
    with tempfile.TemporaryDirectory() as home:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
        environment = kept | {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        }
        subprocess.run([BIN / "airflow", "db", "migrate"], check=True, capture_output=True, env=environment)
        beside(
            "ductwork --help against python -c pass",
            [BIN / "ductwork", "--help"],
            [sys.executable, "-c", "pass"],
            environment,
        )
        load = "import runpy, sys, airflow.sdk; from airflow.sdk import DAG; runpy.run_path(sys.argv[1])"
        beside(
            "ductwork compile against importing Airflow and running the file, a DAG of three tasks",
            [BIN / "ductwork", "compile", SMALL, "-o", "-"],
            [sys.executable, "-c", load, SMALL],
            environment,
        )
        airflow = [BIN / "airflow", "dags", "test", "daily_edw_load"]
        ductwork = [BIN / "ductwork", "run", SAMPLE, "--local"]
        beside("the sample: ductwork run --local against airflow dags test", ductwork, airflow, environment)
        overhead_per_task(environment)
        explained = subprocess.run(
            [BIN / "ductwork", "explain", SAMPLE], check=True, capture_output=True, text=True, env=environment
        )
        print("\n".join(line.strip() for line in explained.stdout.splitlines()[-2:]))


if __name__ == "__main__":
    main()
