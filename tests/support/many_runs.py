"""Run one DAG several times at once on the embedded AWS, and print what became of the runs.

``python many_runs.py FILE DAG_ID COUNT [--stop-first] [--deadline SECONDS] [--first-file FILE]``; run r0 is of
1 January, r1 of the 2nd and so on, started one after the other. With ``--stop-first`` the first execution is stopped
from outside, as by hand in AWS's console, once one of its tasks is running.
With ``--first-file`` run r0 is of the DAG as that file, in the same folder, has it.
With ``--cut-odd`` runs r1, r3 and so on are of the DAG cut into several machines, so each deploys what the one before did
not have.
With ``--deadline`` (120) runs that have not ended by then are shown as they are.
Prints ``{run id: {"state", "error", "tasks": {task id: {"state", "started_at", "ended_at"}}}}``.
"""

import argparse
import json
import os
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ductwork.frame_stack import roomy

FIRST = datetime(2026, 1, 1, tzinfo=timezone.utc)


@roomy
def main():
    from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool

    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("dag_id")
    parser.add_argument("count", type=int)
    parser.add_argument("--stop-first", action="store_true")
    parser.add_argument("--first-file")
    parser.add_argument("--cut-odd", action="store_true")
    parser.add_argument("--deadline", type=float, default=120.0)
    given = parser.parse_args()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with WorkerPool() as pool, tempfile.TemporaryDirectory() as logs:
        from ductwork_airflow.embedded_aws.services import EmbeddedAws

        with EmbeddedAws(pool=pool, jobs=4, log_dir=Path(logs)) as aws:
            json.dump(_Runs(aws, given).results(), out)
    out.flush()


class _Runs:
    def __init__(self, aws, given):
        from ductwork.compiler import Options, compile_paths
        from ductwork_airflow.ledger import Ledger
        from ductwork_airflow.local.provision import provide
        from ductwork_airflow.local.run import ledger_table
        from several_machines import cut

        self.aws, self.given, self.documents = aws, given, []
        for file in (given.first_file or given.file, given.file):
            compiled = compile_paths([file], Options("stepfunctions", given.dag_id))
            assert not compiled.diagnostics.failed, list(map(str, compiled.diagnostics))
            (self.workflow,), (artefact,) = compiled.workflows, compiled.artefacts
            self.documents.append(artefact.document)
        self.cut = cut(self.workflow) if given.cut_odd else None
        assert not given.cut_odd or self.cut, "the DAG cannot be cut"
        self.ledger = Ledger.connect(ledger_table(self.workflow), aws.aws)
        self.ledger.create_table()
        provide(aws, self.workflow, {})

    def results(self):
        from ductwork_airflow.runs import lifecycle

        handles = [self.start(number) for number in range(self.given.count)]
        if self.given.stop_first:
            while not any(item["state"] == "running" for item in self.ledger.tasks(self.given.dag_id, "r0")):
                time.sleep(0.05)
            arn = self.ledger.run(self.given.dag_id, "r0")["execution_arn"]
            self.aws.aws.client("stepfunctions").stop_execution(executionArn=arn)
        watchers = [lifecycle.watcher(self.aws.aws, handle) for handle in handles]
        deadline = time.monotonic() + self.given.deadline
        while watchers and time.monotonic() < deadline:
            watchers = [watcher for watcher in watchers if not watcher.poll().ended]
            time.sleep(0.5)
        return {f"r{number}": self.result(f"r{number}") for number in range(self.given.count)}

    def start(self, number):
        from ductwork_airflow.embedded_aws.services import ROLE_ARN
        from ductwork_airflow.local.provision import PLACES
        from ductwork_airflow.run_model.request import RunRequest
        from ductwork_airflow.runs import lifecycle

        date = FIRST + timedelta(days=number)
        request = RunRequest(self.given.dag_id, f"r{number}", date, (date, date))
        handle = lifecycle.submit(
            self.aws.aws,
            self.cut if self.cut and number % 2 else self.documents[min(number, 1)],
            "stepfunctions",
            request,
            ledger_table=self.ledger.table,
            role_arn=ROLE_ARN,
            places=PLACES,
        )
        # The next one is started when this one is in the ledger: which is first must not depend on the machine.
        while self.ledger.run(self.given.dag_id, f"r{number}") is None:
            time.sleep(0.05)
        return handle

    def result(self, run_id):
        tasks = {
            item["task_id"]: {name: item.get(name) for name in ("state", "started_at", "ended_at")}
            for item in self.ledger.tasks(self.given.dag_id, run_id)
        }
        run = self.ledger.run(self.given.dag_id, run_id)
        return {"state": run["state"], "error": run.get("error"), "tasks": tasks}


if __name__ == "__main__":
    main()
