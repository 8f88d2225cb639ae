"""``ductwork runs``: the runs of a DAG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from ductwork.cli import output

from ductwork_airflow.commands.base import (
    CLEAN,
    Location,
    ledger_errors,
    ledger_options,
    open_ledger,
    readable_state,
    refuse_no_run,
    require_local,
)
from ductwork_airflow.commands.tables import print_table, readable_moment, readable_seconds

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.reporting.report import RunHead

_COLUMNS = ("run", "state", "target", "logical date", "started", "duration")


@click.command()
@click.argument("dag_id")
@click.option("--local", is_flag=True, help="List the runs that `ductwork run --local` left.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, at the most.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@ledger_options
def runs(dag_id: str, local: bool, limit: int, as_json: bool, **at: Unpack[Location]) -> int:
    """List the runs of a DAG, the newest first, as the ledger has them."""
    output.results()
    if not local:
        _, ledger = open_ledger(**at)
        return _list(ledger, dag_id, limit, as_json)
    require_local()
    from ductwork_airflow.local.history import open_ledger as open_history
    from ductwork_airflow.local.run import state_file

    with readable_state(), open_history(state_file(), at["ledger_table"]) as ledger:
        return _list(ledger, dag_id, limit, as_json)


def _list(ledger: Ledger, dag_id: str, limit: int, as_json: bool) -> int:
    from ductwork_airflow.reporting.report import heads

    with ledger_errors(ledger.table, dag_id):
        runs = heads(ledger, dag_id, limit)
    if not runs:
        raise refuse_no_run(dag_id)
    if as_json:
        output.print_json({"dag_id": dag_id, "runs": [run.as_json() for run in runs]})
    else:
        print_table([_COLUMNS, *map(_row, runs)])
    return CLEAN


def _row(run: RunHead) -> Sequence[str]:
    target = f"{run.target} ({run.engine})" if run.engine else run.target
    return (
        run.run_id,
        run.state,
        target,
        readable_moment(run.logical_date),
        readable_moment(run.started_at),
        readable_seconds(run.seconds),
    )
