"""Verbs about runs that were started: ``status``, ``cancel``; and ``worker``, which containers run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click
from ductwork.cli import output

from ductwork_airflow.commands.base import (
    CLEAN,
    FAILED,
    Location,
    aws_errors,
    find_run,
    ledger_errors,
    ledger_options,
    look_once,
    open_ledger,
    readable_state,
    refuse_no_run,
    require_local,
)
from ductwork_airflow.commands.tables import print_table, readable_moment, readable_seconds

if TYPE_CHECKING:
    from ductwork.contracts.run_item import RunItem
    from typing_extensions import Unpack

    from ductwork_airflow.aws.clients import Clients
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.reporting.report import RunReport

# An execution that has just been started writes its run within moments.
_BEGINNING_SECONDS = 15.0
# Workers have twenty seconds to end.
_STOP_SECONDS = 40.0


@click.command()
@click.argument("dag_id")
@click.argument("run_id", required=False)
@click.option("--local", is_flag=True, help="Look at the runs that `ductwork run --local` left.")
@click.option("--watch", is_flag=True, help="Go on showing the run, and keep the ledger up to date, until it ends.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@ledger_options
def status(dag_id: str, run_id: str | None, local: bool, watch: bool, as_json: bool, **at: Unpack[Location]) -> int:
    """Show a run and its tasks: the newest run of a DAG, or the one named."""
    output.results()
    if local and watch:
        raise click.UsageError("--watch is for runs on AWS: a local run has ended, or its own command shows it")
    if local:
        require_local()
        from ductwork_airflow.local.history import open_ledger as open_history
        from ductwork_airflow.local.run import state_file

        with readable_state(), open_history(state_file(), at["ledger_table"]) as ledger:
            return _show(ledger, dag_id, run_id, None, as_json)
    aws, ledger = open_ledger(**at)
    with ledger_errors(ledger.table, dag_id):
        if watch:
            _await_beginning(ledger, dag_id, run_id)
        else:
            look_once(aws, ledger, find_run(ledger, dag_id, run_id))
        return _show(ledger, dag_id, run_id, aws if watch else None, as_json)


def _await_beginning(ledger: Ledger, dag_id: str, run_id: str | None) -> None:
    """Wait for the run of an execution that has just been started; whether there is one is for others to say."""
    limit, said = time.monotonic() + _BEGINNING_SECONDS, False
    while not (ledger.run(dag_id, run_id) if run_id else any(ledger.runs(dag_id))) and time.monotonic() < limit:
        if not said:
            output.say(f"waiting for {run_id or 'a run'} of {dag_id} to begin")
            said = True
        time.sleep(1)


def _show(ledger: Ledger, dag_id: str, run_id: str | None, watching: Clients | None, as_json: bool) -> int:
    from ductwork_airflow.commands.watch import follow
    from ductwork_airflow.reporting import report

    handle = find_run(ledger, dag_id, run_id)
    if watching is None:
        seen = report.read(ledger, dag_id, handle.run_id)
        if seen is not None and not as_json:
            _print(seen)
    else:
        seen = follow(watching, ledger, handle)
    assert seen is not None, "the run has been found"
    output.say(f"{dag_id} {seen.run_id}: {seen.state}")
    if as_json:
        output.print_json(seen.as_json())
    return FAILED if seen.state == "failed" else CLEAN


def _print(seen: RunReport) -> None:
    """The tasks on stdout, in the order of the DAG; of a mapped task of many instances, the counts and what failed."""
    from ductwork_airflow.reporting.progress import counts, is_told, name_of

    rows = [("task", "state", "try", "started", "duration")]
    rows += [(f"{task_id}[]", counts(states), "", "", "") for task_id, states in seen.mapped.items()]
    for task in seen.tasks:
        if is_told(seen, task):
            tried = str(task.try_number or "-")
            length = "-" if task.seconds is None else readable_seconds(task.seconds)
            rows.append((name_of(task), task.state or "-", tried, readable_moment(task.started_at), length))
    print_table(rows)


@click.command()
@click.argument("dag_id")
@click.argument("run_id")
@click.option("--reason", default="cancelled by the user", show_default=True, help="Why, for the ledger and for AWS.")
@click.option("--local", is_flag=True, help="A run that another process carries out by `ductwork run --local`.")
@ledger_options
def cancel(dag_id: str, run_id: str, reason: str, local: bool, **at: Unpack[Location]) -> int:
    """Stop a run: its jobs are ended, what waited is skipped, and the run is marked failed."""
    output.results()
    if local:
        return _cancel_local(dag_id, run_id, reason, at["ledger_table"])
    from ductwork_airflow.runs import lifecycle

    aws, ledger = open_ledger(**at)
    with aws_errors():
        handle = find_run(ledger, dag_id, run_id)
        lifecycle.watcher(aws, handle).stop(reason)
        run = ledger.run(dag_id, run_id) or {}
    return _say_stopped(run, dag_id, run_id)


def _cancel_local(dag_id: str, run_id: str, reason: str, table: str) -> int:
    require_local()
    from ductwork_airflow.local.stop import stop

    output.say(f"stopping {dag_id} {run_id}")
    with readable_state():
        run = stop(dag_id, run_id, table, reason, _STOP_SECONDS)
    if run is None:
        raise refuse_no_run(dag_id, run_id)
    return _say_stopped(run, dag_id, run_id)


def _say_stopped(run: RunItem, dag_id: str, run_id: str) -> int:
    output.say(f"{dag_id} {run_id}: {run.get('state')}" + ("" if "ended_at" in run else ", still stopping"))
    return CLEAN


@click.command(add_help_option=True)
@click.argument("command", nargs=-1, metavar="[-- COMMAND...]")
def worker(command: tuple[str, ...]) -> int:
    """Run one task instance, the one that DUCTWORK_... environment variables name. For containers.

    With a command, run that in its place, and keep what it hands back as the task's XCom.
    """
    if command:
        from ductwork_airflow.worker.container import main as run

        return run(command)
    from ductwork_airflow.worker import main

    return main()
