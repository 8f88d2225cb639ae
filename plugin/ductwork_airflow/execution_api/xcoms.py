"""XComs: ``xcoms/{dag_id}/{run_id}/{task_id}/{key}``, single values and the sequences that mapped tasks leave."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import httpx
from airflow.configuration import conf
from ductwork.contracts import ledger as schema
from ductwork.contracts.task_item import XCom
from ductwork.ir.map_length import MAX_MAP_LENGTH

from ductwork_airflow.execution_api import dag_runs
from ductwork_airflow.execution_api.router import ApiError, Call, Route, not_found, ok
from ductwork_airflow.execution_api.sequences import Sequence

_PATH = "xcoms/{dag_id}/{run_id}/{task_id}/{key:path}"


def _prior_runs(call: Call) -> Iterator[str]:
    """The ids of the run asked for and of all before it, latest first."""
    ledger, dag_id = call.session.ledger, call.params["dag_id"]
    asked = ledger.run(dag_id, call.params["run_id"])
    if asked is None:
        return
    limit = dag_runs.order_date(asked)
    # The index of runs lags behind, so the run asked for may still be missing there.
    runs = {run["run_id"]: run for run in [*ledger.runs(dag_id), asked]}
    prior = [run for run in runs.values() if dag_runs.order_date(run) <= limit]
    yield from (run["run_id"] for run in sorted(prior, key=dag_runs.order_date, reverse=True))


def _missing(call: Call, where: str) -> ApiError:
    params = call.params
    return not_found(
        f"XCom with key={params['key']!r} {where} not found for task {params['task_id']!r} "
        f"in DAG run {params['run_id']!r} of {params['dag_id']!r}"
    )


def get(call: Call) -> httpx.Response:
    """The value of a map index (-1 by default), or at ``offset`` in the sequence of a mapped task; 404 for none.

    With ``include_prior_dates`` the latest value among this run and the runs before it.
    """
    if (offset := call.integer("offset")) is not None:
        return ok({"key": call.params["key"], "value": _at(call, offset)})
    index = call.integer("map_index", schema.UNMAPPED)
    item = _find(call, schema.UNMAPPED if index is None else index)
    if item is None:
        raise _missing(call, f"map_index={index}")
    return ok({"key": call.params["key"], "value": item["value"]})


def _find(call: Call, index: int) -> XCom | None:
    params = call.params
    run_ids = _prior_runs(call) if call.flag("include_prior_dates") else iter([params["run_id"]])
    for run_id in run_ids:
        item = call.session.ledger.xcom(params["dag_id"], run_id, params["task_id"], params["key"], index)
        if item is not None:
            return item
    return None


def item(call: Call) -> httpx.Response:
    """The value at a place in the sequence; a negative one counts from its end. 404 if the sequence is shorter."""
    try:
        offset = int(call.params["offset"])
    except ValueError as error:
        message = f"offset must be an integer, not {call.params['offset']!r}"
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_payload", message) from error
    return ok(_at(call, offset))


def _at(call: Call, offset: int) -> object:
    """The value at a place in the sequence, which is not its map index: an index without a value takes no place."""
    try:
        return Sequence.of(call).at(offset)
    except IndexError:
        raise _missing(call, f"offset={offset}") from None


def slice_(call: Call) -> httpx.Response:
    """The values ``[start:stop:step]`` of the sequence, as a list."""
    start, stop, step = call.integer("start"), call.integer("stop"), call.integer("step") or 1
    if call.flag("include_prior_dates"):
        return ok(_prior_values(call)[start:stop:step])
    return ok(Sequence.of(call).slice(start, stop, step))


def _prior_values(call: Call) -> list[object]:
    params, ledger = call.params, call.session.ledger
    items = [
        item
        for run_id in _prior_runs(call)
        for item in ledger.xcoms(params["dag_id"], run_id, params["task_id"], params["key"])
    ]
    return [item["value"] for item in sorted(items, key=lambda item: item["map_index"])]


def count(call: Call) -> httpx.Response:
    """The length of the sequence, in the header ``Content-Range: map_indexes <length>``."""
    if "map_index" in call.query:
        message = "Cannot specify map_index in a HEAD request"
        raise ApiError(HTTPStatus.BAD_REQUEST, "invalid_request", message)
    return httpx.Response(HTTPStatus.OK, headers={"Content-Range": f"map_indexes {len(Sequence.of(call))}"})


def put(call: Call) -> httpx.Response:
    """``dag_result`` is not kept: it marks a value for Airflow's UI."""
    params, length = call.params, call.integer("mapped_length")
    if length is not None and length > conf.getint("core", "max_map_length", fallback=MAX_MAP_LENGTH):
        message = "pushed value is too large to map as a downstream's dependency"
        raise ApiError(HTTPStatus.BAD_REQUEST, "unmappable_return_value_length", message)
    index = call.integer("map_index", schema.UNMAPPED)
    call.session.sequences.clear()
    call.session.ledger.put_xcom(
        params["dag_id"],
        params["run_id"],
        params["task_id"],
        params["key"],
        call.json() if call.content else None,
        map_index=schema.UNMAPPED if index is None else index,
        mapped_length=length,
    )
    return ok({"message": "XCom successfully set"}, HTTPStatus.CREATED)


def delete(call: Call) -> httpx.Response:
    """Delete the value of a map index (-1 by default); deleting what is not there is no error."""
    params, index = call.params, call.integer("map_index", schema.UNMAPPED)
    call.session.sequences.clear()
    call.session.ledger.delete_xcom(
        params["dag_id"],
        params["run_id"],
        params["task_id"],
        params["key"],
        schema.UNMAPPED if index is None else index,
    )
    return ok({"message": f"XCom with key: {params['key']} successfully deleted."})


ROUTES: tuple[Route, ...] = (
    ("GET", f"{_PATH}/item/{{offset}}", item),
    ("GET", f"{_PATH}/slice", slice_),
    ("HEAD", _PATH, count),
    ("GET", _PATH, get),
    ("POST", _PATH, put),
    ("DELETE", _PATH, delete),
)
