"""DAG runs as the API shows them: ``dag-runs/...`` and ``dags/...``, read only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import httpx
from airflow.sdk.api.datamodels._generated import DagRun
from ductwork.contracts.run_item import RunItem

from ductwork_airflow.execution_api import triggering_events
from ductwork_airflow.execution_api.router import Call, Route, not_found, ok
from ductwork_airflow.execution_api.session import Session, required
from ductwork_airflow.ledger import Ledger, LedgerError, moment

DEFAULT_BUNDLE = "dags-folder"


def bundle(run: RunItem) -> str:
    """The name of the DAG bundle that a run's DAG file comes from."""
    return str(run.get("bundle") or DEFAULT_BUNDLE)


def document(ledger: Ledger, run: RunItem) -> dict[str, object]:
    """A run in the API's shape. Which keys that has depends on the version of Airflow, and no other may be sent.

    :raises LedgerError: the item lacks what every run must have
    """
    fields = {
        "dag_id": run["dag_id"],
        "run_id": run["run_id"],
        # A machine writes "" for none.
        "logical_date": run.get("logical_date") or None,
        "data_interval_start": run.get("data_interval_start") or None,
        "data_interval_end": run.get("data_interval_end") or None,
        "run_after": required(run, "run_after"),
        "start_date": required(run, "started_at"),
        "end_date": run.get("ended_at"),
        "clear_number": 0,
        "run_type": required(run, "run_type"),
        "state": required(run, "state"),
        "conf": _conf(run),
        "triggering_user_name": run.get("triggering_user_name"),
        "consumed_asset_events": triggering_events.of_run(ledger, run),
        "partition_key": run.get("partition_key") or None,
        "partition_date": run.get("partition_date") or None,
        "note": run.get("note"),
        "team_name": None,
    }
    return {name: value for name, value in fields.items() if name in DagRun.model_fields}


def _conf(run: RunItem) -> dict[str, object]:
    text = run.get("conf") or "{}"
    try:
        conf = json.loads(text)
    except ValueError as error:
        raise LedgerError(f"conf of run {run['run_id']!r} is not JSON: {error}") from error
    if not isinstance(conf, dict):
        raise LedgerError(f"conf of run {run['run_id']!r} must be a JSON object, not {text[:80]}")
    return conf


def logical_date(run: RunItem) -> datetime | None:
    """The run's logical date with its zone; None for a run that has none, as those that assets start."""
    text = run.get("logical_date")
    return moment(text) if text else None


def order_date(run: RunItem) -> datetime:
    """By what Airflow orders runs for ``include_prior_dates``: the logical date, else ``run_after``."""
    return logical_date(run) or moment(required(run, "run_after"))


def before(ledger: Ledger, dag_id: str, limit: datetime | None, state: str | None = None) -> Iterator[RunItem]:
    """The runs of a DAG with a logical date before ``limit``, latest first."""
    dated = [(date, run) for run in ledger.runs(dag_id) if (date := logical_date(run))]
    for date, run in sorted(dated, key=lambda pair: pair[0], reverse=True):
        if (limit is None or date < limit) and (state is None or run.get("state") == state):
            yield run


def previous_successful(session: Session) -> dict[str, object]:
    """Interval, start and end of the latest successful run with an earlier logical date; empty if there is none."""
    limit = logical_date(session.run)
    run = next(before(session.ledger, session.dag_id, limit, "success"), None) if limit else None
    if run is None:
        return {}
    whole = document(session.ledger, run)
    return {name: whole[name] for name in ("data_interval_start", "data_interval_end", "start_date", "end_date")}


def _run(call: Call) -> RunItem:
    dag_id, run_id = call.params["dag_id"], call.params["run_id"]
    run = call.session.ledger.run(dag_id, run_id)
    if run is None:
        raise not_found(f"Dag run with dag_id '{dag_id}' and run_id '{run_id}' was not found")
    return run


def detail(call: Call) -> httpx.Response:
    """One run in the API's shape; 404 if the ledger does not have it."""
    if call.params["run_id"] == "previous" and "logical_date" in call.query:
        return _previous(call, call.params["dag_id"])  # as clients up to Airflow 3.1 ask
    return ok(document(call.session.ledger, _run(call)))


def state(call: Call) -> httpx.Response:
    """``{"state": ...}`` of one run; 404 if the ledger does not have it."""
    return ok({"state": required(_run(call), "state")})


def previous(call: Call) -> httpx.Response:
    """The run of ``dag_id`` that comes before ``logical_date``, in the ``state`` asked for if one is; null for none."""
    return _previous(call, call.needed("dag_id"))


def _previous(call: Call, dag_id: str) -> httpx.Response:
    limit = moment(call.needed("logical_date"))
    run = next(before(call.session.ledger, dag_id, limit, call.query.get("state")), None)
    return ok(document(call.session.ledger, run) if run else None)


def selected(call: Call) -> list[RunItem]:
    """The runs of ``dag_id`` that the query's ``run_ids`` and ``logical_dates`` leave."""
    ledger, dag_id = call.session.ledger, call.needed("dag_id")
    dates = {moment(text) for text in call.query.get_list("logical_dates")}
    if run_ids := list(dict.fromkeys(call.query.get_list("run_ids"))):
        runs = [run for run_id in run_ids if (run := ledger.run(dag_id, run_id))]
    else:
        runs = list(ledger.runs(dag_id))
    return [run for run in runs if not dates or logical_date(run) in dates]


def count(call: Call) -> httpx.Response:
    """How many of the selected runs have one of ``states``; how many there are if no state is named."""
    states = call.query.get_list("states")
    return ok(sum(not states or run.get("state") in states for run in selected(call)))


def dag(call: Call) -> httpx.Response:
    """A DAG is known by its runs, or its machine; it is never paused, since nothing here schedules it."""
    dag_id = call.params["dag_id"]
    run = call.session.run if dag_id == call.session.dag_id else next(call.session.ledger.runs(dag_id), None)
    starts = call.session.starts
    if run is None and not (starts is not None and starts.knows(dag_id)):
        raise not_found(f"The Dag with dag_id: `{dag_id}` was not found")
    return ok(
        {
            "dag_id": dag_id,
            "is_paused": False,
            "bundle_name": bundle(run) if run else DEFAULT_BUNDLE,
            "bundle_version": None,
            "relative_fileloc": run.get("dag_file") if run else None,
            "owners": None,
            "tags": [],
            "next_dagrun": None,
        }
    )


ROUTES: tuple[Route, ...] = (
    ("GET", "dag-runs/count", count),
    ("GET", "dag-runs/previous", previous),
    ("GET", "dag-runs/{dag_id}/{run_id}/state", state),
    ("GET", "dag-runs/{dag_id}/{run_id}", detail),
    ("GET", "dags/{dag_id}", dag),
)
