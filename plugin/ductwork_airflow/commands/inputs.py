"""What ``ductwork run`` and ``restart --local`` are given, checked before anything is started."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

from ductwork.cli import output
from ductwork.cli.main import DEPLOYMENT_NAMES
from ductwork.contracts.json_types import JsonObject
from ductwork.diagnostics import Diagnostics, Origin

from ductwork_airflow.commands.base import COMMAND_LINE, refuse, stop_on_errors

if TYPE_CHECKING:
    from ductwork.frontend.manual_run import ManualRuns
    from ductwork.ir import Workflow

    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.local.other_dags import OtherDag
    from ductwork_airflow.local.run import LocalRun
    from ductwork_airflow.run_model.request import RunRequest


class CompileOptions(TypedDict):
    """How a DAG file is compiled; a local run's restart compiles it so again."""

    dag_id: str | None
    target: str
    engine: str
    job_definitions: str | None
    job_queue: str | None
    job_definition: str | None
    image: str | None
    ledger_table: str | None
    dag_code: str | None
    vcpus: float | None
    memory: int | None
    gpus: int | None
    ignore: str | None


class RunOptions(CompileOptions):
    """The options of ``ductwork run``, except those about what is printed and where."""

    logical_date: str | None
    conf: str | None
    partition_key: str | None
    run_id: str | None
    role_arn: str | None
    state_machine_arn: str | None
    places: Sequence[str]
    create_ledger: bool
    wait: bool
    region_name: str | None
    endpoint_url: str | None


# Timetables count from a date a little before or after; Python's calendar ends at both ends.
_YEARS = range(1900, 9000)
_DATE_FORMS = "2026-01-01, 2026-01-01T06:00 (both in [core] default_timezone), or 2026-01-01T06:00:00+00:00"
_RUN_ID_LIMIT = 250


def prepare(path: str, options: RunOptions, *, local: bool) -> LocalRun:
    """Everything about the run that can be checked before anything is started."""
    diagnostics = Diagnostics()
    logical_date = _logical_date(options["logical_date"], diagnostics)
    conf = _conf(options["conf"], diagnostics)
    stop_on_errors(diagnostics)

    def request(dag_id: str, findings: Diagnostics) -> RunRequest:
        from ductwork.frontend.manual_run import ManualRuns

        runs = ManualRuns(path)
        asked = _request(runs, dag_id, logical_date, conf, options["run_id"], findings)
        key = options.get("partition_key")
        return asked if key is None else _in_partition(asked, runs, key, findings)

    return _compiled(path, options, request, local=local)


def prepare_each(
    path: str, options: CompileOptions, requests: Callable[[str, Diagnostics], list[RunRequest]]
) -> tuple[LocalRun, list[RunRequest]]:
    """One DAG, compiled for several runs on AWS: the run of the first of them, and all requests.

    :param requests: gives the DAG's run requests; it takes the DAG's id and the diagnostics to add to
    :raises BadInputError: something is wrong, or there is no run; the diagnostics have been printed
    """
    found: list[RunRequest] = []

    def first(dag_id: str, diagnostics: Diagnostics) -> RunRequest:
        found.extend(requests(dag_id, diagnostics))
        if not found and not diagnostics.failed:
            what = "Airflow would make no run of this time, or none that is due before now"
            hint = "look at the DAG's schedule, and give other dates"
            diagnostics.add("DW525", COMMAND_LINE, what, hint, dag_id=dag_id, field="--from")
        stop_on_errors(diagnostics)
        return found[0]

    return _compiled(path, options, first, local=False), found


def moment_of(text: str, field: str) -> datetime:
    """A date of the command line, in UTC, as Airflow's command line reads it.

    :raises BadInputError: it is none; the diagnostic has been printed
    """
    diagnostics = Diagnostics()
    date = _logical_date(text, diagnostics, field)
    stop_on_errors(diagnostics)
    return date


def conf_of(text: str | None) -> JsonObject:
    """``--conf``.

    :raises BadInputError: it is no JSON object; the diagnostic has been printed
    """
    diagnostics = Diagnostics()
    conf = _conf(text, diagnostics)
    stop_on_errors(diagnostics)
    return conf


def prepare_again(ledger: Ledger, dag_id: str, run_id: str, path: str | None) -> LocalRun:
    """Compile a local run's DAG again, as it was compiled when the run was started.

    :param path: of the DAG file, in the place of the recorded one
    """
    from ductwork_airflow.ledger import moment
    from ductwork_airflow.local import origins
    from ductwork_airflow.run_model.request import RunRequest

    given, run = origins.recall(ledger, dag_id, run_id) or {}, ledger.run(dag_id, run_id) or {}
    path = path or given.get("path")
    if path is None:
        what = f"nothing says which file run {run_id!r} was compiled from"
        raise refuse("DW101", what, "name the DAG file with --path", dag_id=dag_id, field="--path")
    date = moment(run["logical_date"] or run["run_after"])
    unknown = {"job_definitions": None, "target": run.get("target"), "engine": run.get("engine", "states")}
    options = cast(CompileOptions, {**dict.fromkeys(DEPLOYMENT_NAMES), **unknown, **given, "dag_id": dag_id})
    again = RunRequest(dag_id, run_id, date, (date, date))
    return _compiled(path, options, lambda *_: again, local=True)


def _compiled(
    path: str, options: CompileOptions, request: Callable[[str, Diagnostics], RunRequest], *, local: bool
) -> LocalRun:
    """The one DAG of the file, compiled.

    :param request: gives a DAG's run request; it takes the DAG's id and the diagnostics to add to
    """
    from ductwork.compiler import Options, compile_paths

    from ductwork_airflow.local.run import LocalRun, check, read_definitions

    diagnostics = Diagnostics()
    definitions = read_definitions(options["job_definitions"], diagnostics) if options["job_definitions"] else {}
    stop_on_errors(diagnostics)
    deployment = _deployment(options)
    asked_for = Options(options["target"], options["dag_id"], deployment, engine=options["engine"])
    output.reading()
    compiled = compile_paths([path], asked_for)
    if len(compiled.workflows) > 1:
        defined = ", ".join(workflow.dag_id for workflow in compiled.workflows)
        hint = f"choose one with --dag-id: {defined}"
        compiled.diagnostics.add("DW107", Origin(path), "the file defines several DAGs", hint, field="--dag-id")
    stop_on_errors(compiled.diagnostics)
    workflow, artefact = compiled.workflows[0], compiled.artefacts[0]
    asked = request(workflow.dag_id, compiled.diagnostics)
    prepared = LocalRun(
        workflow,
        artefact.document,
        options["target"],
        asked,
        definitions,
        _given(path, options),
        artefact.job_definitions,
        _others(path, workflow, deployment, compiled.diagnostics) if local else (),
    )
    if local:
        check(prepared, compiled.diagnostics)
    stop_on_errors(compiled.diagnostics)
    output.print_diagnostics(compiled.diagnostics)
    return prepared


def _others(path: str, workflow: Workflow, deployment: JsonObject, diagnostics: Diagnostics) -> list[OtherDag]:
    """The DAGs of which its tasks start runs, and those of which tasks of these do, as far as they are at ``path``."""
    from ductwork.compiler import Options, compile_paths
    from ductwork.ir import ANY_DAG

    from ductwork_airflow.local.other_dags import OtherDag

    wanted = dict.fromkeys(workflow.starts_runs_of)
    if not wanted:
        return []
    compiled = compile_paths([path], Options("stepfunctions", None, deployment))
    documents = {artefact.dag_id: artefact.document for artefact in compiled.artefacts}
    by_id = {each.dag_id: each for each in compiled.workflows if each.dag_id in documents}
    found: dict[str, OtherDag] = {}
    while wanted:
        names = by_id if ANY_DAG in wanted else wanted
        new = [by_id[dag_id] for dag_id in names if dag_id in by_id and dag_id not in found]
        found |= {each.dag_id: OtherDag(each, documents[each.dag_id]) for each in new}
        wanted = dict.fromkeys(dag_id for each in new for dag_id in each.starts_runs_of)
    diagnostics.extend(finding for finding in compiled.diagnostics if finding.dag_id in found)
    return list(found.values())


def _given(path: str, options: CompileOptions) -> JsonObject:
    """What compiling the same again takes. Paths are absolute, since a later process may be elsewhere."""
    definitions = options["job_definitions"]
    return {
        "path": str(Path(path).absolute()),
        "target": options["target"],
        "engine": options["engine"],
        "job_definitions": str(Path(definitions).absolute()) if definitions else None,
        **_deployment(options),
    }


def _deployment(options: JsonObject) -> JsonObject:
    return {name: options[name] for name in DEPLOYMENT_NAMES}


def _logical_date(text: str | None, diagnostics: Diagnostics, field: str = "--logical-date") -> datetime:
    """As Airflow's command line reads dates, in UTC."""
    if text is None:
        return datetime.now(timezone.utc)
    from airflow.sdk.timezone import parse

    try:
        parsed = parse(text)
        if not isinstance(parsed, datetime):
            raise ValueError("a length of time")
        date = datetime.fromisoformat(parsed.isoformat()).astimezone(timezone.utc)
        if date.year not in _YEARS:
            raise ValueError(f"year {date.year}")
    except (ValueError, OverflowError):
        hint = f"write it as {_DATE_FORMS}"
        what = f"{text!r} is not an ISO 8601 date of a year from {_YEARS.start} to {_YEARS.stop - 1}"
        diagnostics.add("DW502", COMMAND_LINE, what, hint, field=field)
        return datetime.now(timezone.utc)
    return date


def _conf(text: str | None, diagnostics: Diagnostics) -> JsonObject:
    try:
        conf = json.loads(text) if text else {}
        if not isinstance(conf, dict):
            raise ValueError(f"it is {type(conf).__name__}, not an object")
        # Python reads NaN, Infinity and 1e400, and AWS refuses what Python writes for them.
        json.dumps(conf, allow_nan=False)
    except ValueError as error:
        hint = 'pass one JSON object, e.g. --conf \'{"day": "2026-01-01"}\''
        diagnostics.add("DW501", COMMAND_LINE, f"--conf cannot be used: {error}", hint, field="--conf")
        return {}
    return conf


def _request(
    runs: ManualRuns,
    dag_id: str,
    logical_date: datetime,
    conf: JsonObject,
    run_id: str | None,
    diagnostics: Diagnostics,
) -> RunRequest:
    from ductwork_airflow.run_model.request import RunRequest

    runs.check_conf(dag_id, conf, diagnostics)
    _check_run_id(run_id, diagnostics)
    return RunRequest(
        dag_id=dag_id,
        # Airflow names a manual run by when it was asked for, so that a logical date can be run more than once.
        run_id=run_id or f"manual__{datetime.now(timezone.utc).isoformat()}",
        logical_date=logical_date,
        data_interval=runs.data_interval(dag_id, logical_date, diagnostics),
        conf=conf,
    )


def _in_partition(request: RunRequest, runs: ManualRuns, key: str, diagnostics: Diagnostics) -> RunRequest:
    date = runs.check_partition_key(request.dag_id, key, diagnostics)
    return replace(request, partition_key=key, partition_date=date)


def _check_run_id(run_id: str | None, diagnostics: Diagnostics) -> None:
    """Airflow's own rule for run ids."""
    import re

    from airflow.configuration import conf

    pattern = conf.get("scheduler", "allowed_run_id_pattern")
    if run_id is not None and not (len(run_id) <= _RUN_ID_LIMIT and re.match(pattern, run_id)):
        what = f"{run_id[:80]!r} is not a run id: it must match {pattern} and have at most {_RUN_ID_LIMIT} characters"
        hint = "choose another, or leave --run-id out"
        diagnostics.add("DW509", COMMAND_LINE, what, hint, field="--run-id")
