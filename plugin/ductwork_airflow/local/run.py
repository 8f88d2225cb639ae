"""``ductwork run --local``: one run of one compiled DAG on the embedded AWS."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from ductwork.diagnostics import Diagnostics, Origin
from ductwork.ir import BatchJob, Task, Worker, Workflow
from ductwork.passes.job_definitions import WORKER_COMMAND

from ductwork_airflow import report
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local.aws import ROLE_ARN, EmbeddedAws
from ductwork_airflow.mirror import ChainMirror, add_exit_reasons
from ductwork_airflow.submit import stepfunctions
from ductwork_airflow.submit.batch import ChainSubmitter
from ductwork_airflow.submit.documents import fill
from ductwork_airflow.submit.request import RunRequest

# What the open places of an artefact stand for on the embedded AWS.
PLACES = {"JobQueue": "ductwork-local", "JobDefinition": "ductwork-worker", "LedgerTable": "ductwork"}
_POLL_SECONDS = 0.15
_SAVE_SECONDS = 2.0
_BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"


def home() -> Path:
    """Where local runs leave their ledger and logs: ``$AIRFLOW_HOME/ductwork``."""
    return Path(os.environ.get("AIRFLOW_HOME") or Path.home() / "airflow").expanduser() / "ductwork"


def state_file() -> Path:
    return home() / "ledger.json"


def log_dir() -> Path:
    return home() / "logs"


@dataclass(frozen=True)
class LocalRun:
    """What to run.

    :param document: the compiled artefact
    :param definitions: the user's job definitions by name, as ``aws batch describe-job-definitions`` prints them
    """

    workflow: Workflow
    document: Mapping[str, Any]
    target: str
    request: RunRequest
    definitions: Mapping[str, Mapping[str, Any]]


def ledger_table(workflow: Workflow) -> str:
    return str(fill(workflow.ledger_table, PLACES))


def check(run: LocalRun, diagnostics: Diagnostics) -> None:
    """Report the jobs that could not run here: a native job whose command nobody knows."""
    for task in run.workflow.tasks:
        _check_definition(task, run.definitions, diagnostics)
        if isinstance(task.work, BatchJob) and not _command(task.work, run.definitions):
            name = task.work.request["jobDefinition"]
            diagnostics.add(
                "DW504",
                task.origin,
                f"the job definition {name!r} is not known here, so there is no image or command to run",
                "give its command in container_overrides, or pass --job-definitions FILE",
                dag_id=run.workflow.dag_id,
                task_id=task.task_id,
                field="job_definition",
            )


def _check_definition(task: Task, definitions: Mapping[str, Mapping[str, Any]], diagnostics: Diagnostics) -> None:
    definition = definitions.get(str(task.work.request["jobDefinition"]), {}) if isinstance(task.work, BatchJob) else {}
    if definition.get("containerProperties", {}).get("secrets"):
        what = "the job definition has secrets, and the embedded AWS does not resolve them: the job runs without"
        hint = "set the variables in the definition's environment for local runs"
        diagnostics.add("DW515", task.origin, what, hint, task_id=task.task_id, field="secrets")


def _command(work: BatchJob, definitions: Mapping[str, Mapping[str, Any]]) -> list[str]:
    overrides = work.request.get("containerOverrides") or {}
    if overrides.get("command"):
        return list(overrides["command"])
    name = str(work.request["jobDefinition"])
    known = definitions.get(name) or definitions.get(name.rpartition("/")[2].partition(":")[0]) or {}
    return list(known.get("containerProperties", {}).get("command", []))


def execute(aws: EmbeddedAws, run: LocalRun, show: Callable[[report.RunReport], None]) -> report.RunReport | None:
    """Run to the end. None if a run of this id exists already.

    :param show: called with the state of things several times a second
    :raises KeyboardInterrupt: after what was running has been stopped and the run marked failed
    """
    ledger = Ledger.connect(ledger_table(run.workflow), aws.aws)
    ledger.create_table()
    if ledger.run(run.request.dag_id, run.request.run_id) is not None:
        return None
    _provide(aws, run)
    document = fill(run.document, PLACES)
    runner = _Chain(aws, ledger, run, document) if run.target == "batch" else _Machine(aws, ledger, run, document)
    watch = _Watch(aws, ledger, run, show)
    try:
        runner.start()
        while not runner.ended():
            watch.look()
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        runner.stop()
        _settle(ledger, run, "interrupted")
        watch.look()
        raise
    _settle(ledger, run, runner.error())
    add_exit_reasons(aws.aws.client("batch"), ledger, (run.request.dag_id, run.request.run_id))
    final = watch.look()
    aws.save_tables()
    return final


def _provide(aws: EmbeddedAws, run: LocalRun) -> None:
    """Make every queue and job definition that the artefact names exist."""
    bundle = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": run.workflow.bundle_path},
    }
    environment = {_BUNDLES: json.dumps([bundle]), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    for task in run.workflow.tasks:
        queue, definition = _named(task)
        if queue is None or definition is None:
            continue
        aws.ensure_queue(queue)
        if isinstance(task.work, BatchJob):
            known = run.definitions.get(definition, {}).get("containerProperties", {})
            variables = {item["name"]: item["value"] for item in known.get("environment", [])}
            aws.ensure_job_definition(
                definition,
                command=_command(task.work, run.definitions),
                environment=variables,
                parameters=run.definitions.get(definition, {}).get("parameters", {}),
            )
        else:
            aws.ensure_job_definition(definition, command=WORKER_COMMAND, environment=environment)


def _named(task: Task) -> tuple[str | None, str | None]:
    if isinstance(task.work, BatchJob):
        return str(task.work.request["jobQueue"]), str(task.work.request["jobDefinition"])
    if isinstance(task.work, Worker):
        return fill(task.deployment.job_queue, PLACES), fill(task.deployment.job_definition, PLACES)
    return None, None


class _Machine:
    """A run as an execution of the state machine."""

    def __init__(self, aws: EmbeddedAws, ledger: Ledger, run: LocalRun, document: Mapping[str, Any]) -> None:
        self._client = aws.aws.client("stepfunctions")
        self._run, self._document = run, document
        self._execution = ""

    def start(self) -> None:
        arn = stepfunctions.deploy(self._client, self._run.request.dag_id, self._document, ROLE_ARN)
        self._execution = stepfunctions.start(self._client, arn, self._run.request)

    def ended(self) -> bool:
        return bool(self._describe()["status"] != "RUNNING")

    def error(self) -> str | None:
        """Why the execution ended, if it was not the machine's own decision."""
        found = self._describe()
        if found["status"] == "SUCCEEDED" or found.get("error") == "Ductwork.RunFailed":
            return None
        return ": ".join(filter(None, (found["status"], found.get("error"), found.get("cause"))))

    def stop(self) -> None:
        if self._execution:
            self._client.stop_execution(executionArn=self._execution, error="Interrupted", cause="stopped by the user")

    def _describe(self) -> Mapping[str, Any]:
        reply: Mapping[str, Any] = self._client.describe_execution(executionArn=self._execution)
        return reply


class _Chain:
    """A run as a chain of jobs."""

    def __init__(self, aws: EmbeddedAws, ledger: Ledger, run: LocalRun, document: Mapping[str, Any]) -> None:
        self._client = aws.aws.client("batch")
        self._ledger, self._run, self._document = ledger, run, document
        self._ids: dict[str, str] = {}
        self._mirror: ChainMirror | None = None

    def start(self) -> None:
        request = self._run.request
        self._ids = ChainSubmitter(self._client, self._ledger, self._document, request).submit()
        self._mirror = ChainMirror(
            self._client,
            self._ledger,
            (request.dag_id, request.run_id),
            self._document["manifest"]["tasks"],
            self._ids,
        )

    def ended(self) -> bool:
        return self._mirror is not None and self._mirror.poll()

    def error(self) -> str | None:
        return None

    def stop(self) -> None:
        for job_id in self._ids.values():
            try:
                self._client.terminate_job(jobId=job_id, reason="stopped by the user")
            except ClientError as error:
                if error.response["Error"]["Code"] != "ClientException":
                    raise


class _Watch:
    """Shows the run, and keeps the ledger's file fresh in case this process is killed."""

    def __init__(
        self, aws: EmbeddedAws, ledger: Ledger, run: LocalRun, show: Callable[[report.RunReport], None]
    ) -> None:
        self._aws, self._ledger, self._run, self._show = aws, ledger, run, show
        self._order = [task.task_id for task in run.workflow.tasks]
        self._saved = time.monotonic()

    def look(self) -> report.RunReport | None:
        request = self._run.request
        found = report.read(self._ledger, request.dag_id, request.run_id, self._order)
        if found is not None:
            self._show(found)
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self._aws.save_tables()
            self._saved = time.monotonic()
        return found


_STOP_PATIENCE_SECONDS = 30.0


def _settle(ledger: Ledger, run: LocalRun, error: str | None) -> None:
    """Leave a consistent ledger behind an execution that did not end by itself: nothing in it still runs."""
    if error is None:
        return
    request = run.request
    names = (request.dag_id, request.run_id)
    if ledger.run(*names) is None:
        ledger.start_run(*names, **request.run_item(), target=run.target)
    _wait_for_workers(ledger, names)
    for item in ledger.tasks(*names):
        if "outcome" not in item:
            ledger.record_task(
                *names, item["task_id"], "failed", item["try_number"], map_index=item["map_index"], error=error
            )
    ledger.finish_run(*names, "failed", error)


def _wait_for_workers(ledger: Ledger, names: tuple[str, str]) -> None:
    """Give the stopped workers the time that Batch gives them to run on_kill and report."""
    deadline = time.monotonic() + _STOP_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if not any(item.get("state") == "running" for item in ledger.tasks(*names)):
            return
        time.sleep(_POLL_SECONDS)


def read_definitions(path: str, diagnostics: Diagnostics) -> dict[str, Mapping[str, Any]]:
    """Job definitions from the output of ``aws batch describe-job-definitions``, by name, name:revision and ARN."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))["jobDefinitions"]
        named: dict[str, Mapping[str, Any]] = {}
        for definition in sorted(found, key=lambda one: one.get("revision", 0)):
            name = definition["jobDefinitionName"]
            revision = f"{name}:{definition.get('revision', 1)}"
            named |= dict.fromkeys((name, revision, definition.get("jobDefinitionArn", revision)), definition)
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"the file cannot be read as job definitions: {error}"
        hint = "pass the output of: aws batch describe-job-definitions"
        diagnostics.add("DW504", Origin(path), what, hint, field="--job-definitions")
        return {}
    return named
