"""``ductwork run``: compile a DAG file and run it, here or on AWS."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click
from ductwork.cli import output
from ductwork.cli.main import checked_engine, deployment_options, engine_option
from ductwork.contracts import default_names

from ductwork_airflow.commands.base import (
    CLEAN,
    aws_errors,
    connect,
    location_options,
    refuse,
    require_local,
)
from ductwork_airflow.commands.inputs import RunOptions, prepare

if TYPE_CHECKING:
    from ductwork.contracts.run_item import RunItem
    from typing_extensions import Unpack

    from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool


@click.command()
@click.argument("path")
@click.option("--dag-id", help="Which DAG of the file; not needed if it defines one.")
@click.option("--local", is_flag=True, help="Run on the embedded AWS, in this process and its children.")
@click.option("--target", type=click.Choice(["stepfunctions", "batch"]), default="stepfunctions", show_default=True)
@engine_option
@click.option(
    "--logical-date",
    metavar="DATE",
    help="Logical date of the run, as Airflow's command line reads it: ISO 8601, e.g. 2026-01-01 or 2026-01-01T06:00, "
    "in [core] default_timezone unless it says Z or +02:00; now if left out.",
)
@click.option("--conf", metavar="JSON", help="The run's configuration, a JSON object.")
@click.option("--partition-key", metavar="KEY", help="The run's partition, of a DAG with a partitioned timetable.")
@click.option("--run-id", metavar="ID", help="Id of the run; made from the time of day if left out.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="How many workers run at once locally, and how many other jobs; the cores if left out.",
)
@click.option("--job-definitions", metavar="FILE", help="Your own job definitions, for local runs of BatchOperators.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--role-arn", help="Execution role of the DAG's state machine, which is created or updated as needed.")
@click.option("--state-machine", "state_machine_arn", help="ARN of a state machine that you have deployed.")
@click.option("--place", "places", multiple=True, metavar="NAME=VALUE", help="Fill ${NAME} of the compiled schedule.")
@click.option("--create-ledger", is_flag=True, help="Create the ledger's table if there is none.")
@click.option("--wait/--no-wait", default=True, help="Watch the run to its end, or only start it.")
@location_options
@deployment_options
def run(path: str, local: bool, jobs: int | None, as_json: bool, **options: Unpack[RunOptions]) -> int:
    """Compile a DAG file and run one of its DAGs, with --local or on AWS.

    On AWS the same --run-id finds the run that was started before; it is never started twice.
    """
    options["engine"] = checked_engine(options["engine"], options["target"])
    output.results()
    places = places_of(options["places"])
    if not local:
        return _run_remote(path, as_json, options, places)
    require_local()
    from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool

    # Before anything starts a thread: the pool is a fork of this process.
    with WorkerPool() as pool:
        return _run_local(pool, path, jobs or os.cpu_count() or 1, as_json, options)


def places_of(given: Sequence[str]) -> dict[str, str]:
    """``--place NAME=VALUE`` as a mapping.

    :raises click.UsageError: one is not of this form
    """
    places = dict(place.partition("=")[::2] for place in given)
    if bad := [place for place in given if "=" not in place]:
        raise click.UsageError(f"--place takes NAME=VALUE, not {bad[0]!r}")
    return places


def _run_local(pool: WorkerPool, path: str, jobs: int, as_json: bool, options: RunOptions) -> int:
    from ductwork_airflow.commands.embedded import embedded, finish_local
    from ductwork_airflow.local.run import execute
    from ductwork_airflow.reporting.progress import progress

    prepared = prepare(path, options, local=True)
    request = prepared.request
    with embedded(pool, jobs, request.dag_id, "start it again with another --run-id") as aws:
        output.say(f"running {request.dag_id} as {request.run_id} on the embedded AWS")
        with progress() as shown:
            report = execute(aws, prepared, shown.show)
    if report is None:
        what = f"there is a run {request.run_id!r} of this DAG in the ledger already"
        raise refuse("DW503", what, "leave --run-id out, or choose another", dag_id=request.dag_id, field="--run-id")
    return finish_local(report, prepared, as_json)


def _run_remote(path: str, as_json: bool, options: RunOptions, places: Mapping[str, str]) -> int:
    from ductwork_airflow.commands.watch import finish, follow
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.run_model.handle import RunHandle
    from ductwork_airflow.runs import lifecycle
    from ductwork_airflow.submit import substitutions

    prepared = prepare(path, options, local=False)
    request, target = prepared.request, prepared.target
    table = substitutions.fill(prepared.workflow.ledger_table, {"LedgerTable": default_names.LEDGER_TABLE, **places})
    aws = connect(options["region_name"], options["endpoint_url"])
    again = f"give the same command with --run-id '{request.run_id}': nothing of the run is started twice"
    with aws_errors(hint=f"check credentials, --region and what the caller may do, then {again}", again=again):
        ledger = Ledger.connect(table, aws)
        if options["create_ledger"]:
            ledger.create_table()
        # Whoever interrupts it, or mends what AWS refuses, goes on with this run id.
        output.say(f"starting {request.dag_id} as {request.run_id}")
        if options["logical_date"] is None:
            request = lifecycle.with_dates_of_existing_run(aws, request, table)
        if options["run_id"]:
            _tell_of_its_end(lifecycle.find(aws, RunHandle(request.dag_id, request.run_id, target, table)))
        handle = lifecycle.submit(
            aws,
            prepared.document,
            target,
            request,
            ledger_table=table,
            places=places,
            role_arn=options["role_arn"],
            state_machine_arn=options["state_machine_arn"],
            job_definitions=prepared.made,
        )
        output.say(f"{request.dag_id} runs as {request.run_id}: {handle.execution_arn or 'a chain of Batch jobs'}")
        if not options["wait"]:
            if as_json:
                output.print_json(handle.as_dict())
            return CLEAN
        try:
            report = follow(aws, ledger, handle, [task.task_id for task in prepared.workflow.tasks])
        except KeyboardInterrupt:
            output.say(f"it goes on without you; to stop it: ductwork cancel {request.dag_id} {request.run_id}")
            return 130
    assert report is not None, "a run that has ended is in the ledger"
    return finish(report, {task.task_id: task.origin for task in prepared.workflow.tasks}, as_json)


def _tell_of_its_end(run: RunItem | None) -> None:
    if run is not None and "ended_at" in run:
        name = f"{run['dag_id']} {run['run_id']}"
        output.say(
            f"{name} ended at {run['ended_at']} ({run['state']}): nothing is started, and this is what became of it. "
            f"To run it again: ductwork restart {name}, or choose another --run-id"
        )
