"""What ``ductwork run`` and ``restart --local`` are given, checked before anything is started."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ductwork import output
from ductwork.diagnostics import Diagnostics, Origin

from ductwork_airflow.commands.base import COMMAND_LINE, refuse, stop_on_errors

# Timetables count from a date a little before or after; Python's calendar ends at both ends.
_YEARS = range(1900, 9000)
_RUN_ID_LIMIT = 250


def prepare(path: str, options: Mapping[str, Any], *, local: bool) -> Any:
    """Everything about the run that can be checked before anything is started."""
    diagnostics = Diagnostics()
    logical_date = _logical_date(options["logical_date"], diagnostics)
    conf = _conf(options["conf"], diagnostics)
    stop_on_errors(diagnostics)

    def request(dag_id: str, found: Diagnostics) -> Any:
        return _request(path, dag_id, logical_date, conf, options["run_id"], found)

    return _compiled(path, options, request, local=local)


def prepare_again(ledger: Any, dag_id: str, run_id: str, path: str | None) -> Any:
    """Compile a local run's DAG again, as it was compiled when the run was started.

    :param path: of the DAG file, in the place of the recorded one
    """
    from ductwork_airflow.execution_api.times import moment
    from ductwork_airflow.local import origins
    from ductwork_airflow.submit.request import RunRequest

    given, run = origins.recall(ledger, dag_id, run_id) or {}, ledger.run(dag_id, run_id) or {}
    path = path or given.get("path")
    if path is None:
        what = f"nothing says which file run {run_id!r} was compiled from"
        raise refuse("DW101", what, "name the DAG file with --path", dag_id=dag_id, field="--path")
    date = moment(run["logical_date"])
    unknown = {"job_definitions": None, "target": run.get("target"), "engine": run.get("engine", "states")}
    options = {**dict.fromkeys(_DEPLOYMENT), **unknown, **given}
    again = RunRequest(dag_id, run_id, date, (date, date))
    return _compiled(path, {**options, "dag_id": dag_id}, lambda *_: again, local=True)


def _compiled(path: str, options: Mapping[str, Any], request: Any, *, local: bool) -> Any:
    """
    :param request: gives a DAG's run request; it takes the DAG's id and the diagnostics to add to
    """
    from ductwork.compiler import Options, compile_paths

    from ductwork_airflow.local.run import LocalRun, check, read_definitions

    diagnostics = Diagnostics()
    definitions = read_definitions(options["job_definitions"], diagnostics) if options["job_definitions"] else {}
    stop_on_errors(diagnostics)
    deployment = {name: options[name] for name in _DEPLOYMENT}
    asked_for = Options(options["target"], options["dag_id"], deployment, engine=options["engine"])
    compiled = compile_paths([path], asked_for)
    if len(compiled.workflows) > 1:
        known = ", ".join(workflow.dag_id for workflow in compiled.workflows)
        hint = f"choose one with --dag-id: {known}"
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
    )
    if local:
        check(prepared, compiled.diagnostics)
    stop_on_errors(compiled.diagnostics)
    output.print_diagnostics(compiled.diagnostics)
    return prepared


def _given(path: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What compiling the same again takes: paths are absolute, since a later process may be elsewhere."""
    definitions = options["job_definitions"]
    return {
        "path": str(Path(path).absolute()),
        "target": options["target"],
        "engine": options["engine"],
        "job_definitions": str(Path(definitions).absolute()) if definitions else None,
        **{name: options[name] for name in _DEPLOYMENT},
    }


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
        diagnostics.add("DW502", COMMAND_LINE, what, hint, field="--logical-date")
        return datetime.now(timezone.utc)
    return moment


def _conf(text: str | None, diagnostics: Diagnostics) -> dict[str, Any]:
    try:
        conf = json.loads(text) if text else {}
        if not isinstance(conf, dict):
            raise ValueError(f"it is {type(conf).__name__}, not an object")
    except ValueError as error:
        hint = 'pass one JSON object, e.g. --conf \'{"day": "2026-01-01"}\''
        diagnostics.add("DW501", COMMAND_LINE, f"--conf cannot be used: {error}", hint, field="--conf")
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
        diagnostics.add("DW509", COMMAND_LINE, what, hint, field="--run-id")
