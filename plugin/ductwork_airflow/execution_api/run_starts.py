"""Runs that a task starts: ``POST dag-runs/...``, by the state machine of the DAG that is to run."""

from __future__ import annotations

from datetime import datetime, timezone
from http import HTTPStatus

import httpx

from ductwork_airflow.execution_api.bodies import RunToStart
from ductwork_airflow.execution_api.other_dags import RunStarts, UnknownDagError
from ductwork_airflow.execution_api.router import ApiError, Call, Route, not_found, ok, unsupported
from ductwork_airflow.ledger import moment


def trigger(call: Call) -> httpx.Response:
    """Start a run, as Airflow's server makes one; 404 without such a DAG, 409 if the run exists already."""
    dag_id, run_id, body = call.params["dag_id"], call.params["run_id"], _body(call)
    if body.get("logical_date") is None:
        raise unsupported(call, "triggering a DAG run without a logical date")
    if (after := body.get("run_after")) and moment(after) > datetime.now(timezone.utc):
        raise unsupported(call, f"triggering a DAG run that waits until {after}")
    values: dict[str, object] = {"run_id": run_id, "run_type": _run_type(), "logical_date": body["logical_date"]}
    if body.get("conf"):
        values["conf"] = body["conf"]
    if body.get("partition_key"):
        values["partition_key"] = body["partition_key"]
    notes = {"note": body.get("note"), "triggering_user_name": call.session.run.get("triggering_user_name")}
    try:
        if not _starts(call).start(dag_id, run_id, values):
            message = f"A run already exists for Dag '{dag_id}' with run_id '{run_id}'"
            raise ApiError(HTTPStatus.CONFLICT, "already_exists", message)
    except UnknownDagError as error:
        raise not_found(f"Dag with dag_id: '{dag_id}' not found: {error}") from error
    if told := {name: value for name, value in notes.items() if value}:
        call.session.ledger.amend_run(dag_id, run_id, told)
    return ok(None, HTTPStatus.NO_CONTENT)


def clear(call: Call) -> httpx.Response:
    """Run all tasks of a run that has ended again."""
    dag_id, run_id = call.params["dag_id"], call.params["run_id"]
    try:
        if not _starts(call).start_again(dag_id, run_id):
            raise unsupported(call, f"clearing the run {run_id!r} of DAG {dag_id!r} while it is running")
    except UnknownDagError as error:
        raise not_found(f"Dag Run with dag_id '{dag_id}' and run_id '{run_id}': {error}") from error
    return ok(None, HTTPStatus.NO_CONTENT)


def _starts(call: Call) -> RunStarts:
    if call.session.starts is None:
        raise unsupported(call, "starting DAG runs")
    return call.session.starts


def _body(call: Call) -> RunToStart:
    body: RunToStart = call.json()
    return body


def _run_type() -> str:
    """What Airflow calls a run that an operator has started; before 3.3 it is one like any other."""
    from airflow.sdk.api.datamodels import _generated

    known = getattr(_generated, "DagRunType", None)
    return str(getattr(getattr(known, "OPERATOR_TRIGGERED", None), "value", "manual"))


ROUTES: tuple[Route, ...] = (
    ("POST", "dag-runs/{dag_id}/{run_id}", trigger),
    ("POST", "dag-runs/{dag_id}/{run_id}/clear", clear),
)
