"""Run DAG files with Ductwork on the embedded AWS, all in one process, and print what became of their tasks.

``python local_runs.py TARGET FILE...``; the JSON is shaped as ``oracle.py``'s, plus ``"diagnostics"`` for a file that
does not compile, and ``"error"`` of each run. One process for all files saves each of them Airflow's import.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from oracle import LOGICAL_DATE


def main():
    from ductwork_airflow.local.workers import WorkerPool

    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    target, *files = sys.argv[1:]
    with WorkerPool() as pool, tempfile.TemporaryDirectory() as logs:
        from ductwork_airflow.local.aws import EmbeddedAws

        with EmbeddedAws(pool=pool, jobs=4, log_dir=Path(logs)) as aws:
            found = {path: run_file(aws, path, target) for path in files}
    json.dump(found, out)
    out.flush()


def run_file(aws, path, target):
    from ductwork.compiler import Options, compile_paths

    compiled = compile_paths([path], Options(target))
    if compiled.diagnostics.failed:
        return {"diagnostics": [finding.as_json() for finding in compiled.diagnostics]}
    artefacts = {artefact.dag_id: artefact for artefact in compiled.artefacts}
    return {
        workflow.dag_id: run_dag(aws, path, target, workflow, artefacts[workflow.dag_id])
        for workflow in compiled.workflows
    }


def run_dag(aws, path, target, workflow, artefact):
    from ductwork.frontend.runs import manual_data_interval
    from ductwork_airflow.local.run import LocalRun, execute
    from ductwork_airflow.submit.request import RunRequest

    interval = manual_data_interval(path, workflow.dag_id, LOGICAL_DATE)
    run_id = f"manual__{LOGICAL_DATE.isoformat()}"
    request = RunRequest(workflow.dag_id, run_id, LOGICAL_DATE, interval)
    report = execute(aws, LocalRun(workflow, artefact.document, target, request, {}), lambda seen: None)
    tasks = {}
    for task in report.tasks:
        record = {"state": task.state, "try_number": task.try_number, "error": task.error}
        if task.has_return_value:
            record["return_value"] = task.return_value
        tasks[f"{task.task_id}[{task.map_index}]"] = record
    return {"state": report.state, "error": report.error, "tasks": tasks}


if __name__ == "__main__":
    main()
