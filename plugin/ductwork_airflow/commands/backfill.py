"""``ductwork backfill``: start the runs of a time of the past, as Airflow's backfill does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click
from ductwork.cli import output
from ductwork.cli.main import checked_engine, deployment_options, engine_option
from ductwork.contracts import default_names

from ductwork_airflow.commands.base import CLEAN, FAILED, aws_errors, connect, location_options
from ductwork_airflow.commands.inputs import CompileOptions, conf_of, moment_of, prepare_each
from ductwork_airflow.commands.run import places_of

if TYPE_CHECKING:
    from ductwork.contracts.json_types import JsonObject
    from ductwork.diagnostics import Diagnostics
    from typing_extensions import Unpack

    from ductwork_airflow.local.run import LocalRun
    from ductwork_airflow.run_model.handle import RunHandle
    from ductwork_airflow.run_model.request import RunRequest


class _Options(CompileOptions):
    """The options of ``ductwork backfill`` that say how and where its runs are started."""

    role_arn: str | None
    state_machine_arn: str | None
    places: Sequence[str]
    region_name: str | None
    endpoint_url: str | None


@click.command()
@click.argument("path")
@click.option("--dag-id", help="Which DAG of the file; not needed if it defines one.")
@click.option("--from", "first", required=True, metavar="DATE", help="The first logical date, as for ductwork run.")
@click.option("--to", "last", required=True, metavar="DATE", help="The last logical date.")
@click.option("--max-active", type=click.IntRange(min=1), default=10, show_default=True, help="Runs at a time.")
@click.option(
    "--reprocess",
    type=click.Choice(["none", "failed", "completed"]),
    default="none",
    show_default=True,
    help="Runs that are there already: leave them, or run all tasks again of those that failed, or of all that ended.",
)
@click.option("--conf", metavar="JSON", help="The configuration of each run, a JSON object.")
@click.option("--dry-run", is_flag=True, help="Print the runs, one a line, and start none.")
@click.option("--target", type=click.Choice(["stepfunctions", "batch"]), default="stepfunctions", show_default=True)
@engine_option
@click.option("--job-definitions", hidden=True)
@click.option("--role-arn", help="Execution role of the DAG's state machine, which is created or updated as needed.")
@click.option("--state-machine", "state_machine_arn", help="ARN of a state machine that you have deployed.")
@click.option("--place", "places", multiple=True, metavar="NAME=VALUE", help="Fill ${NAME} of the compiled schedule.")
@location_options
@deployment_options
def backfill(
    path: str,
    first: str,
    last: str,
    max_active: int,
    reprocess: str,
    conf: str | None,
    dry_run: bool,
    **options: Unpack[_Options],
) -> int:
    """Start the runs that a DAG's schedule names between two dates, and wait for them.

    The dates of the runs are Airflow's. The same command, given again, goes on: no run is started twice.
    """
    options["engine"] = checked_engine(options["engine"], options["target"])
    output.results()
    between, values = (moment_of(first, "--from"), moment_of(last, "--to")), conf_of(conf)
    prepared, requests = prepare_each(
        path, options, lambda dag_id, found: _requests(path, dag_id, between, values, found)
    )
    if dry_run:
        for request in requests:
            start, end = request.data_interval
            output.print_result(f"{request.run_id}  {start.isoformat()}  {end.isoformat()}")
        return CLEAN
    return _start(prepared, requests, places_of(options["places"]), max_active, reprocess, options)


def _requests(
    path: str, dag_id: str, between: tuple[datetime, datetime], conf: JsonObject, diagnostics: Diagnostics
) -> list[RunRequest]:
    from ductwork.frontend.due_runs import due_between
    from ductwork.frontend.manual_run import ManualRuns

    from ductwork_airflow.run_model.request import RunRequest

    ManualRuns(path).check_conf(dag_id, conf, diagnostics)
    return [
        RunRequest(
            dag_id=dag_id,
            run_id=run.run_id("backfill"),
            logical_date=run.logical_date,
            data_interval=run.data_interval,
            run_type="backfill",
            conf=conf,
            partition_key=run.partition_key or None,
            partition_date=run.partition_date,
        )
        for run in due_between(path, dag_id, *between, diagnostics)
    ]


def _start(
    prepared: LocalRun,
    requests: Sequence[RunRequest],
    places: Mapping[str, str],
    max_active: int,
    reprocess: str,
    options: _Options,
) -> int:
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.runs import lifecycle
    from ductwork_airflow.runs.backfill import Backfill
    from ductwork_airflow.submit import substitutions

    table = substitutions.fill(prepared.workflow.ledger_table, {"LedgerTable": default_names.LEDGER_TABLE, **places})
    aws = connect(options["region_name"], options["endpoint_url"])

    def start(request: RunRequest) -> RunHandle:
        return lifecycle.submit(
            aws,
            prepared.document,
            prepared.target,
            request,
            ledger_table=table,
            places=places,
            role_arn=options["role_arn"],
            state_machine_arn=options["state_machine_arn"],
            job_definitions=prepared.made,
        )

    with aws_errors(hint="check credentials, --region and what the caller may do, then give the same command again"):
        work = Backfill(
            aws, Ledger.connect(table, aws), start, reprocess=reprocess, max_active=max_active, tell=output.say
        )
        try:
            ended = work.run(requests, prepared.target)
        except KeyboardInterrupt:
            output.say("what has been started goes on without you; give the same command again for the rest")
            return 130
    output.say(", ".join(f"{number} {state}" for state, number in sorted(ended.items())))
    return FAILED if ended["failed"] else CLEAN
