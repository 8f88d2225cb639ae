"""``ductwork run``: compile a DAG file and run it, here or on AWS."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import click
from ductwork import output
from ductwork.cli import checked_engine, deployment_options, engine_option

from ductwork_airflow.commands.base import (
    CLEAN,
    DEFAULT_TABLE,
    aws_errors,
    connect,
    place_options,
    refuse,
    require_local,
)
from ductwork_airflow.commands.inputs import prepare


@click.command()
@click.argument("path")
@click.option("--dag-id", help="Which DAG of the file; not needed if it defines one.")
@click.option("--local", is_flag=True, help="Run on the embedded AWS, in this process and its children.")
@click.option("--target", type=click.Choice(["stepfunctions", "batch"]), default="stepfunctions", show_default=True)
@engine_option
@click.option("--logical-date", metavar="ISO", help="Logical date of the run; now if left out.")
@click.option("--conf", metavar="JSON", help="The run's configuration, a JSON object.")
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
@place_options
@deployment_options
def run(path: str, local: bool, jobs: int | None, as_json: bool, **options: Any) -> int:
    """Compile a DAG file and run one of its DAGs, with --local or on AWS.

    On AWS the same --run-id finds the run that was started before; it is never started twice.
    """
    options["engine"] = checked_engine(options["engine"], options["target"])
    output.results()
    places = _places(options["places"])
    if not local:
        return _run_remote(path, as_json, options, places)
    require_local()
    from ductwork_airflow.local.workers import WorkerPool

    # Before anything starts a thread: the pool is a fork of this process.
    with WorkerPool() as pool:
        return _run_local(pool, path, jobs or os.cpu_count() or 1, as_json, options)


def _places(given: Sequence[str]) -> dict[str, str]:
    found = dict(place.partition("=")[::2] for place in given)
    if bad := [place for place in given if "=" not in place]:
        raise click.UsageError(f"--place takes NAME=VALUE, not {bad[0]!r}")
    return found


def _run_local(pool: Any, path: str, jobs: int, as_json: bool, options: Mapping[str, Any]) -> int:
    from ductwork_airflow.commands.embedded import embedded, finish_local
    from ductwork_airflow.local.run import execute
    from ductwork_airflow.progress import progress

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


def _run_remote(path: str, as_json: bool, options: Mapping[str, Any], places: Mapping[str, str]) -> int:
    from ductwork_airflow.commands.watch import finish, follow
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.submit import documents, runs

    prepared = prepare(path, options, local=False)
    request, target = prepared.request, prepared.target
    table = documents.fill(prepared.workflow.ledger_table, {"LedgerTable": DEFAULT_TABLE, **places})
    aws = connect(options["region_name"], options["endpoint_url"])
    with aws_errors(hint="check credentials, --region and what the caller may do"):
        ledger = Ledger.connect(table, aws)
        if options["create_ledger"]:
            ledger.create_table()
        named = {name: options[name] for name in ("role_arn", "state_machine_arn")}
        named |= {"job_definitions": prepared.made}
        if options["logical_date"] is None:
            request = runs.as_begun(aws, request, table)
        # Whoever interrupts it, or mends what AWS refuses, goes on with this run id.
        output.say(f"starting {request.dag_id} as {request.run_id}")
        handle = runs.submit(aws, prepared.document, target, request, ledger_table=table, places=places, **named)
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
