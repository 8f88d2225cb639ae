"""Measures a mapped task of many instances, through one array job. ``python tests/bench/mapped.py [N]``, 5,000 by default.

Beside it ``airflow dags test`` runs the same DAG with 50 instances. Figures are for an instance; the ratio is ours to
Airflow's.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

BIN = Path(sys.executable).parent
THEIRS = 50
DAG = """
from airflow.sdk import DAG, task

with DAG("many"):

    @task
    def work(number):
        return number

    work.expand(number=list(range({size})))
"""


def ours(size, home):
    """``(seconds, history events, the sum of what the instances returned, instances by state)``."""
    from ductwork.compiler import Options, compile_paths
    from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
    from ductwork_airflow.embedded_aws.services import ROLE_ARN, EmbeddedAws
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.local.provision import PLACES, provide
    from ductwork_airflow.run_model.request import RunRequest
    from ductwork_airflow.runs import lifecycle

    dag = home / "many.py"
    dag.write_text(DAG.format(size=size))
    with WorkerPool() as pool, EmbeddedAws(pool=pool, jobs=2 * (os.cpu_count() or 2), log_dir=home / "logs") as aws:
        compiled = compile_paths([str(dag)], Options("stepfunctions"))
        (workflow,), (artefact,) = compiled.workflows, compiled.artefacts
        ledger = Ledger.connect(PLACES["LedgerTable"], aws.aws)
        ledger.create_table()
        provide(aws, workflow, {})
        started = time.perf_counter()
        places = {"ledger_table": ledger.table, "role_arn": ROLE_ARN, "places": PLACES}
        date = datetime(2026, 1, 1, tzinfo=timezone.utc)
        handle = lifecycle.submit(
            aws.aws, artefact.document, "stepfunctions", RunRequest("many", "r", date, (date, date)), **places
        )
        watcher = lifecycle.watcher(aws.aws, handle)
        while not (progress := watcher.poll()).ended:
            time.sleep(progress.wait)
        took = time.perf_counter() - started
        pages = aws.aws.client("stepfunctions").get_paginator("get_execution_history")
        events = sum(len(page["events"]) for page in pages.paginate(executionArn=handle.execution_arn))
        states = Counter(item["state"] for item in ledger.instances("many", "r", "work"))
        returned = sum(int(item["value"]) for item in ledger.xcoms_of_run("many", "r"))
        return took, events, returned, states


def theirs(home, environment):
    folder = home / "dags"
    folder.mkdir()
    (folder / "many.py").write_text(DAG.format(size=THEIRS))
    environment = environment | {"AIRFLOW_HOME": str(home / "airflow"), "AIRFLOW__CORE__DAGS_FOLDER": str(folder)}
    airflow = str(BIN / "airflow")
    subprocess.run([airflow, "db", "migrate"], check=True, capture_output=True, env=environment)
    for command in (["dags", "reserialize"], ["dags", "test", "many", "2026-01-01"]):
        started = time.perf_counter()
        subprocess.run([airflow, *command], check=True, capture_output=True, env=environment)
    return time.perf_counter() - started


def main():
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    os.environ.update(AIRFLOW__CORE__MAX_MAP_LENGTH=str(max(size, 1024)), AIRFLOW__CORE__LOAD_EXAMPLES="False")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["AIRFLOW_HOME"] = str(home / "ours")
        took, events, returned, states = ours(size, home)
        airflow = theirs(home, dict(os.environ))
    mine, other = took / size, airflow / THEIRS
    print(f"{size:,} instances in {took:.0f} s, {events} history events, {dict(states)}")
    print(f"their return values add up to {returned:,} (expected: {sum(range(size)):,})")
    print(
        f"an instance: {mine:.3f} s against {other:.3f} s of airflow dags test with {THEIRS}, ratio {mine / other:.2f}"
    )


if __name__ == "__main__":
    main()
