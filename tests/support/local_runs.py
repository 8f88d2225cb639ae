"""Run DAG files with Ductwork on the embedded AWS, all in one process, and print what became of their tasks.

``python local_runs.py TARGET FILE...``, or ``TARGET:ENGINE``, whose runs nobody mirrors until their executions have ended;
their records have the status of those, ``"execution"``. ``several`` is target ``stepfunctions`` with DAGs cut into several
machines, whose number is ``"machines"``; one that cannot be cut is left out. The JSON is shaped as ``oracle.py``'s, plus ``"diagnostics"`` for a file of which
something does not compile, ``"error"`` of each run and task, and a task's ``"started_at"`` and ``"ended_at"`` as the ledger has
them. ``DUCTWORK_ONLY`` names the DAGs to run, with blanks between. One process for all files saves each of them Airflow's import. ``DUCTWORK_RUNS_AT_ONCE`` (3) DAGs run at a time,
``DUCTWORK_JOBS_AT_ONCE`` (4) jobs. What the machines evaluate has to be what the reference JSONata gives.
"""

import json
import os
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ductwork.frame_stack import roomy
from jsonata_reference import judged
from node import NODE
from oracle import LOGICAL_DATE

SEVERAL = "several"
TIMES = ("started_at", "ended_at")


@roomy
def main():
    from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool

    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    target, *files = sys.argv[1:]
    jobs = int(os.environ.get("DUCTWORK_JOBS_AT_ONCE", "4"))
    with WorkerPool() as pool, tempfile.TemporaryDirectory() as logs:
        from ductwork_airflow.embedded_aws.services import EmbeddedAws

        with judged(), EmbeddedAws(pool=pool, jobs=jobs, log_dir=Path(logs)) as aws, asked_twice(target):
            found = run_files(aws, files, target)
    json.dump(found, out)
    out.flush()


@contextmanager
def asked_twice(target):
    """With ``DUCTWORK_TEST_DYNALITE=TARGET`` dynalite has to answer each request of DynamoDB as the embedded AWS does."""
    if os.environ.get("DUCTWORK_TEST_DYNALITE") != target or NODE is None:
        yield
        return
    from dynalite import serving
    from dynamodb_mirror import Mirror

    mirror = Mirror()
    with mirror.recording():
        yield
    with serving() as other:
        mirror.compare(other)
    assert mirror.calls["UpdateItem"], "no request was made of both"
    found = "\n".join(mirror.differences[:10])
    assert not found, f"dynalite answers {len(mirror.differences)} of {mirror.calls} differently:\n{found}"


def run_files(aws, files, target):
    """Compiles one file after the other, then runs their DAGs side by side."""
    found = {path: compiled(path, target) for path in files}
    with ThreadPoolExecutor(int(os.environ.get("DUCTWORK_RUNS_AT_ONCE", "3"))) as side_by_side:
        results = {
            (path, dag_id): side_by_side.submit(run_dag, aws, *run)
            for path, dags in found.items()
            for dag_id, run in dags.items()
            if dag_id != "diagnostics"
        }
        for (path, dag_id), result in results.items():
            found[path][dag_id] = finished(result)
    return found


def finished(result):
    """The record of a run. A run that could not be carried out is one too, so that the others still count."""
    if (error := result.exception()) is None:
        return result.result()
    return {"state": "could not run", "error": "".join(traceback.format_exception(error)), "tasks": {}}


def compiled(path, target):
    """What ``run_dag`` wants, by DAG id; the diagnostics too, if there are errors among them."""
    from ductwork.compiler import Options, compile_paths
    from ductwork.frontend.manual_run import ManualRuns
    from ductwork_airflow.local.run import LocalRun
    from ductwork_airflow.run_model.request import RunRequest
    from several_machines import cut

    several, target = target == SEVERAL, "stepfunctions" if target == SEVERAL else target
    target, _, engine = target.partition(":")
    compilation = compile_paths([path], Options(target, engine=engine or "states"))
    documents = {artefact.dag_id: artefact.document for artefact in compilation.artefacts}
    if several:
        small = {workflow.dag_id: cut(workflow) for workflow in compilation.workflows if workflow.dag_id in documents}
        documents = {dag_id: document for dag_id, document in small.items() if document is not None}
    run_id = f"manual__{LOGICAL_DATE.isoformat()}"
    runs, by_hand = {}, ManualRuns(path)
    if compilation.diagnostics.failed:
        runs["diagnostics"] = [finding.as_json() for finding in compilation.diagnostics]
    only = os.environ.get("DUCTWORK_ONLY", "").split()
    for workflow in compilation.workflows:
        if workflow.dag_id not in documents or (only and workflow.dag_id not in only):
            continue
        interval = by_hand.data_interval(workflow.dag_id, LOGICAL_DATE, compilation.diagnostics)
        request = RunRequest(workflow.dag_id, run_id, LOGICAL_DATE, interval)
        runs[workflow.dag_id] = (
            LocalRun(workflow, documents[workflow.dag_id], target, request, {}),
            bool(engine),
        )
    return runs


def run_dag(aws, run, alone):
    """What ``ductwork run --local`` does, but looking once a second: every look costs, and many runs share this process."""
    from ductwork.contracts import machine_bundle
    from ductwork_airflow.embedded_aws.services import ROLE_ARN
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.local.provision import PLACES, provide
    from ductwork_airflow.local.run import ledger_table
    from ductwork_airflow.reporting import report
    from ductwork_airflow.runs import lifecycle

    table, role = ledger_table(run.workflow), None if run.target == "batch" else ROLE_ARN
    ledger = Ledger.connect(table, aws.aws)
    ledger.create_table()
    provide(aws, run.workflow, run.definitions)
    handle = lifecycle.submit(
        aws.aws, run.document, run.target, run.request, ledger_table=table, role_arn=role, places=PLACES
    )
    told = {"execution": end_of_execution(aws, handle, ledger)} if alone else {}
    watcher = lifecycle.watcher(aws.aws, handle)
    while not watcher.poll().ended:
        time.sleep(1)
    order = [task.task_id for task in run.workflow.tasks]
    told["machines"] = 1 + len(machine_bundle.read(run.document)["parts"])
    return record(ledger, report.read(ledger, handle.dag_id, handle.run_id, order)) | told


def end_of_execution(aws, handle, ledger):
    """How it has ended, and what it has left in the ledger as the run's state."""
    client = aws.aws.client("stepfunctions")
    while (status := client.describe_execution(executionArn=handle.execution_arn)["status"]) == "RUNNING":
        time.sleep(0.5)
    return [status, ledger.run(handle.dag_id, handle.run_id)["state"]]


def record(ledger, report):
    items = {(item["task_id"], item["map_index"]): item for item in ledger.tasks(report.dag_id, report.run_id)}
    tasks = {}
    for task in report.tasks:
        found = {"state": task.state, "try_number": task.try_number, "error": task.error}
        found |= {name: items.get((task.task_id, task.map_index), {}).get(name) for name in TIMES}
        if task.has_return_value:
            found["return_value"] = task.return_value
        tasks[f"{task.task_id}[{task.map_index}]"] = found
    return {"state": report.state, "error": report.error, "tasks": tasks}


if __name__ == "__main__":
    main()
