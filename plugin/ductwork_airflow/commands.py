"""The verbs this package adds to the ``ductwork`` command. Nothing heavy is imported before a verb runs."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click
from ductwork import output
from ductwork.cli import deployment_options
from ductwork.diagnostics import Diagnostics, Origin

if TYPE_CHECKING:
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.report import RunReport

_CLEAN, _FAILED = 0, 1
# Timetables count from a date a little before or after; Python's calendar ends at both ends.
_YEARS = range(1900, 9000)
_RUN_ID_LIMIT = 250
_COMMAND_LINE = Origin("command line")


class BadInputError(click.ClickException):
    """Diagnostics have been printed; there is nothing to add."""

    exit_code = _FAILED

    def show(self, file: Any = None) -> None:
        pass


def _stop_on_errors(diagnostics: Diagnostics) -> None:
    if diagnostics.failed:
        output.print_diagnostics(diagnostics)
        raise BadInputError("")


@click.command()
@click.argument("path")
@click.option("--dag-id", help="Which DAG of the file; not needed if it defines one.")
@click.option("--local", is_flag=True, help="Run on the embedded AWS, in this process and its children.")
@click.option("--target", type=click.Choice(["stepfunctions", "batch"]), default="stepfunctions", show_default=True)
@click.option("--logical-date", metavar="ISO", help="Logical date of the run; now if left out.")
@click.option("--conf", metavar="JSON", help="The run's configuration, a JSON object.")
@click.option("--run-id", metavar="ID", help="Id of the run; made from the time of day if left out.")
@click.option("--jobs", type=click.IntRange(min=1), help="How many jobs run at once locally; the cores if left out.")
@click.option("--job-definitions", metavar="FILE", help="Your own job definitions, for local runs of BatchOperators.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@deployment_options
def run(path: str, local: bool, jobs: int | None, as_json: bool, **options: Any) -> int:
    """Compile a DAG file and run one of its DAGs."""
    output.results()
    if not local:
        raise click.UsageError("this version runs DAGs with --local only; add --local")
    _require_local()
    from ductwork_airflow.local.workers import WorkerPool

    # Before anything starts a thread: the pool is a fork of this process.
    with WorkerPool() as pool:
        return _run_local(pool, path, jobs or os.cpu_count() or 1, as_json, options)


def _require_local() -> None:
    from importlib.util import find_spec

    if find_spec("moto") is None or find_spec("jsonata") is None:
        diagnostics = Diagnostics()
        what = "the embedded AWS is not installed"
        diagnostics.add("DW508", _COMMAND_LINE, what, "run: pip install 'ductwork[local]'", field="--local")
        _stop_on_errors(diagnostics)


def _run_local(pool: Any, path: str, jobs: int, as_json: bool, options: Mapping[str, Any]) -> int:
    from ductwork_airflow.local.aws import EmbeddedAws
    from ductwork_airflow.local.run import execute, log_dir, state_file
    from ductwork_airflow.progress import progress

    prepared = _prepare(path, options)
    # Who ends the process politely (a CI's time limit, a container's stop) gets what Ctrl-C gets.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        _readable_state(),
        _aws_errors(),
        EmbeddedAws(pool=pool, jobs=jobs, log_dir=log_dir(), state_file=state_file()) as aws,
    ):
        output.say(f"running {prepared.request.dag_id} as {prepared.request.run_id} on the embedded AWS")
        try:
            with progress() as shown:
                report = execute(aws, prepared, shown.show)
        except KeyboardInterrupt:
            aws.save_tables()
            _interrupted(prepared.request.dag_id)
            return 130
    if report is None:
        _exists_already(prepared.request.dag_id, prepared.request.run_id)
    return _finish(report, prepared, as_json)


@contextmanager
def _readable_state() -> Iterator[None]:
    """Report a damaged state file in place of a traceback."""
    from ductwork_airflow.local.tables import StateFileError

    try:
        yield
    except StateFileError as error:
        diagnostics = Diagnostics()
        diagnostics.add("DW506", _COMMAND_LINE, str(error), "move the file away to start with an empty ledger")
        output.print_diagnostics(diagnostics)
        raise BadInputError("") from error


@contextmanager
def _aws_errors() -> Iterator[None]:
    """Report what AWS refuses, in place of a traceback."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        diagnostics = Diagnostics()
        what = f"AWS refused a request: {str(error)[:500]}"
        diagnostics.add("DW507", _COMMAND_LINE, what, "see the message; what had started has been stopped")
        output.print_diagnostics(diagnostics)
        raise BadInputError("") from error


def _prepare(path: str, options: Mapping[str, Any]) -> Any:
    """Everything about the run that can be checked before anything is started."""
    from ductwork.compiler import Options, compile_paths

    from ductwork_airflow.local.run import LocalRun, check, read_definitions

    diagnostics = Diagnostics()
    logical_date = _logical_date(options["logical_date"], diagnostics)
    conf = _conf(options["conf"], diagnostics)
    definitions = read_definitions(options["job_definitions"], diagnostics) if options["job_definitions"] else {}
    _stop_on_errors(diagnostics)
    deployment = {name: options[name] for name in _DEPLOYMENT}
    compiled = compile_paths([path], Options(options["target"], options["dag_id"], deployment))
    if len(compiled.workflows) > 1:
        known = ", ".join(workflow.dag_id for workflow in compiled.workflows)
        hint = f"choose one with --dag-id: {known}"
        compiled.diagnostics.add("DW107", Origin(path), "the file defines several DAGs", hint, field="--dag-id")
    _stop_on_errors(compiled.diagnostics)
    workflow, artefact = compiled.workflows[0], compiled.artefacts[0]
    request = _request(path, workflow.dag_id, logical_date, conf, options["run_id"], compiled.diagnostics)
    prepared = LocalRun(workflow, artefact.document, options["target"], request, definitions)
    check(prepared, compiled.diagnostics)
    _stop_on_errors(compiled.diagnostics)
    output.print_diagnostics(compiled.diagnostics)
    return prepared


_DEPLOYMENT = ("job_queue", "job_definition", "image", "ledger_table", "vcpus", "memory", "gpus")


def _logical_date(text: str | None, diagnostics: Diagnostics) -> datetime:
    if text is None:
        return datetime.now(timezone.utc)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
        if moment.year not in _YEARS:
            raise ValueError(f"year {moment.year}")
    except (ValueError, OverflowError):
        hint = "write it as 2026-01-01 or 2026-01-01T06:00:00+00:00"
        what = f"{text!r} is not an ISO 8601 date of a year from {_YEARS.start} to {_YEARS.stop - 1}"
        diagnostics.add("DW502", _COMMAND_LINE, what, hint, field="--logical-date")
        return datetime.now(timezone.utc)
    return moment


def _conf(text: str | None, diagnostics: Diagnostics) -> dict[str, Any]:
    try:
        conf = json.loads(text) if text else {}
        if not isinstance(conf, dict):
            raise ValueError(f"it is {type(conf).__name__}, not an object")
    except ValueError as error:
        hint = 'pass one JSON object, e.g. --conf \'{"day": "2026-01-01"}\''
        diagnostics.add("DW501", _COMMAND_LINE, f"--conf cannot be used: {error}", hint, field="--conf")
        return {}
    return conf


def _request(
    path: str, dag_id: str, logical_date: datetime, conf: dict[str, Any], run_id: str | None, diagnostics: Diagnostics
) -> Any:
    from ductwork.frontend.runs import check_conf, manual_data_interval

    from ductwork_airflow.submit.request import RunRequest

    check_conf(path, dag_id, conf, diagnostics)
    _check_run_id(run_id, diagnostics)
    return RunRequest(
        dag_id=dag_id,
        # Airflow names a manual run by when it was asked for, so that a logical date can be run more than once.
        run_id=run_id or f"manual__{datetime.now(timezone.utc).isoformat()}",
        logical_date=logical_date,
        data_interval=manual_data_interval(path, dag_id, logical_date),
        conf=conf,
    )


def _check_run_id(run_id: str | None, diagnostics: Diagnostics) -> None:
    """Airflow's own rule for run ids."""
    import re

    from airflow.configuration import conf

    pattern = conf.get("scheduler", "allowed_run_id_pattern")
    if run_id is not None and not (len(run_id) <= _RUN_ID_LIMIT and re.match(pattern, run_id)):
        what = f"{run_id[:80]!r} is not a run id: it must match {pattern} and have at most {_RUN_ID_LIMIT} characters"
        hint = "choose another, or leave --run-id out"
        diagnostics.add("DW509", _COMMAND_LINE, what, hint, field="--run-id")


def _interrupted(dag_id: str) -> None:
    diagnostics = Diagnostics()
    what = "the run was interrupted: its jobs have been stopped and it is marked failed"
    diagnostics.add("DW514", _COMMAND_LINE, what, "start it again with another --run-id", dag_id=dag_id)
    output.print_diagnostics(diagnostics)


def _exists_already(dag_id: str, run_id: str) -> None:
    diagnostics = Diagnostics()
    what = f"there is a run {run_id!r} of this DAG in the ledger already"
    diagnostics.add(
        "DW503", _COMMAND_LINE, what, "leave --run-id out, or choose another", dag_id=dag_id, field="--run-id"
    )
    _stop_on_errors(diagnostics)


def _finish(report: RunReport | None, prepared: Any, as_json: bool) -> int:
    from ductwork_airflow.local.run import log_dir, state_file
    from ductwork_airflow.report import diagnose

    assert report is not None, "a run that exists already has been reported"
    diagnostics = Diagnostics()
    diagnose(report, {task.task_id: task.origin for task in prepared.workflow.tasks}, diagnostics)
    output.print_diagnostics(diagnostics)
    output.say(f"{report.dag_id} {report.run_id}: {report.state} (ledger: {state_file()}, logs: {log_dir()})")
    if as_json:
        output.print_json(report.as_json())
    return _CLEAN if report.state == "success" else _FAILED


@click.command()
@click.argument("dag_id")
@click.argument("run_id", required=False)
@click.option("--local", is_flag=True, help="Look at the runs that `ductwork run --local` left.")
@click.option("--watch", is_flag=True, help="Go on showing the run until it ends.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--ledger-table", default="ductwork", show_default=True, help="DynamoDB table of the ledger.")
@click.option("--region", "region_name", help="AWS Region of the ledger.")
@click.option("--endpoint-url", help="Another DynamoDB endpoint.")
def status(dag_id: str, run_id: str | None, local: bool, watch: bool, as_json: bool, **place: Any) -> int:
    """Show a run and its tasks: the newest run of a DAG, or the one named."""
    output.results()
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if local and watch:
            raise click.UsageError("--watch is for runs on AWS: a local run has ended, or its own command shows it")
        if local:
            _require_local()
            from ductwork_airflow.local.history import open_ledger
            from ductwork_airflow.local.run import state_file

            with _readable_state(), open_ledger(state_file(), place["ledger_table"]) as ledger:
                return _show_status(ledger, dag_id, run_id, False, as_json)
        from ductwork_airflow.aws import Aws
        from ductwork_airflow.ledger import Ledger

        ledger = Ledger.connect(place["ledger_table"], Aws(place["region_name"], place["endpoint_url"]))
        return _show_status(ledger, dag_id, run_id, watch, as_json)
    except (BotoCoreError, ClientError) as error:
        diagnostics = Diagnostics()
        what = f"the ledger's table {place['ledger_table']!r} cannot be read: {error}"
        hint = "check credentials, --region and --ledger-table; for local runs add --local"
        diagnostics.add("DW506", _COMMAND_LINE, what, hint, dag_id=dag_id)
        _stop_on_errors(diagnostics)
        return _FAILED


def _show_status(ledger: Ledger, dag_id: str, run_id: str | None, watch: bool, as_json: bool) -> int:
    from ductwork_airflow import report
    from ductwork_airflow.progress import LineProgress, progress

    run_id = run_id or next((run["run_id"] for run in ledger.runs(dag_id)), None)
    found = report.read(ledger, dag_id, run_id) if run_id else None
    if found is None:
        diagnostics = Diagnostics()
        what = f"the ledger has no run {run_id!r}" if run_id else "the ledger has no run of this DAG"
        diagnostics.add("DW505", _COMMAND_LINE, what, "check the DAG id and the run id", dag_id=dag_id)
        _stop_on_errors(diagnostics)
        return _FAILED
    with progress() if watch and sys.stderr.isatty() else LineProgress() as shown:
        if not as_json or watch:
            shown.show(found)
        while watch and found.state not in {"success", "failed"}:
            time.sleep(1)
            found = report.read(ledger, dag_id, found.run_id) or found
            shown.show(found)
    output.say(f"{dag_id} {found.run_id}: {found.state}")
    if as_json:
        output.print_json(found.as_json())
    return _FAILED if found.state == "failed" else _CLEAN


@click.command(add_help_option=True)
def worker() -> int:
    """Run one task instance, the one that DUCTWORK_... environment variables name. For containers."""
    from ductwork_airflow.worker import main

    return main()
