"""``ductwork restart`` and ``ductwork skip``: an ended run goes on, under the same run id."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click
from ductwork.cli import output

from ductwork_airflow.commands.base import (
    CLEAN,
    BadInputError,
    Location,
    aws_errors,
    find_run,
    ledger_options,
    open_ledger,
    readable_state,
    refuse,
    require_local,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ductwork_airflow.aws.clients import Clients
    from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.run_model.handle import RunHandle
    from ductwork_airflow.runs.restart import Again

MARKS = ("success", "skipped", "failed")


class _How(Location):
    """The values of :func:`_options`, but for ``local``."""

    path: str | None
    jobs: int | None
    wait: bool
    as_json: bool


def _options(command: Callable[..., object]) -> Callable[..., object]:
    for option in (
        click.option("--local", is_flag=True, help="A run of `ductwork run --local`."),
        click.option("--path", metavar="FILE", help="With --local: the DAG file, if it is not where it was."),
        click.option("--jobs", type=click.IntRange(min=1), help="With --local: how many jobs run at once."),
        click.option("--wait/--no-wait", default=True, help="Watch the run to its end, or only restart it."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
    ):
        command = option(command)
    return ledger_options(command)


@click.command()
@click.argument("dag_id")
@click.argument("run_id")
@click.option("--task", "tasks", multiple=True, metavar="ID", help="Run this task again, and all downstream of it.")
@click.option("--only", is_flag=True, help="Leave alone what is downstream of --task.")
@click.option(
    "--mark", "marks", multiple=True, metavar="ID=STATE", help="Give this task an outcome: " + ", ".join(MARKS)
)
@click.option("--failed", is_flag=True, help="Besides --task and --mark, run what else did not end well.")
@_options
def restart(
    dag_id: str,
    run_id: str,
    tasks: tuple[str, ...],
    only: bool,
    marks: tuple[str, ...],
    failed: bool,
    local: bool,
    **how: Unpack[_How],
) -> int:
    """Run tasks of an ended run again: those that did not end well, or those that are named.

    This is Airflow's Clear: the try numbers go on, and what is kept keeps its outcome and its XComs. A task that is
    marked does not run; what had failed downstream of it does.
    """
    if only and not tasks:
        raise click.UsageError("--only goes with --task")
    wanted: Again = {"task_ids": tasks or None, "only": only, "marks": _marks(marks), "failed": failed}
    return _restart(dag_id, run_id, wanted, local, **how)


@click.command()
@click.argument("dag_id")
@click.argument("run_id")
@click.argument("tasks", nargs=-1, required=True)
@_options
def skip(dag_id: str, run_id: str, tasks: tuple[str, ...], local: bool, **how: Unpack[_How]) -> int:
    """Mark tasks of an ended run as skipped, and run what had failed downstream of them.

    Short for `restart --mark TASK=skipped`. Downstream tasks follow their trigger rules, so most of them are skipped
    too; to let them run as though the task had succeeded, use `restart --mark TASK=success`.
    """
    return _restart(dag_id, run_id, {"marks": dict.fromkeys(tasks, "skipped")}, local, **how)


def _marks(given: Sequence[str]) -> dict[str, str]:
    marks = dict(mark.rpartition("=")[::2] for mark in given)
    if bad := [mark for mark in given if mark.rpartition("=")[2] not in MARKS or not mark.rpartition("=")[0]]:
        raise click.UsageError(f"--mark takes ID=STATE with one of {', '.join(MARKS)}, not {bad[0]!r}")
    return marks


def _restart(
    dag_id: str,
    run_id: str,
    wanted: Again,
    local: bool,
    **how: Unpack[_How],
) -> int:
    output.results()
    if local:
        require_local()
        from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool

        # Before anything starts a thread: the pool is a fork of this process.
        with WorkerPool() as pool:
            return _restart_local(pool, dag_id, run_id, wanted, how)
    if how["path"] or how["jobs"]:
        raise click.UsageError("--path and --jobs go with --local")
    return _restart_remote(dag_id, run_id, wanted, how)


def _restart_remote(dag_id: str, run_id: str, wanted: Again, how: _How) -> int:
    from ductwork_airflow.commands.watch import finish, follow
    from ductwork_airflow.runs import lifecycle

    aws, ledger = open_ledger(how["ledger_table"], how["region_name"], how["endpoint_url"])
    with aws_errors():
        handle = find_run(ledger, dag_id, run_id)
        _require_ended(aws, ledger, handle)
        handle = lifecycle.restart(aws, handle, **wanted)
        output.say(f"{dag_id} {run_id} goes on: {handle.execution_arn or 'a chain of Batch jobs'}")
        if not how["wait"]:
            if how["as_json"]:
                output.print_json(handle.as_dict())
            return CLEAN
        report = follow(aws, ledger, handle)
    assert report is not None, "the run has been found"
    return finish(report, {}, how["as_json"])


def _require_ended(aws: Clients, ledger: Ledger, handle: RunHandle) -> None:
    """Check that the run has ended. A restart that was decided and has not begun is no obstacle: it is completed."""
    from ductwork_airflow.runs import lifecycle

    run = ledger.run(handle.dag_id, handle.run_id) or {}
    if run.get("restart"):
        output.say("an earlier restart had not begun; this completes it as it was asked for, and does nothing else")
    if "ended_at" in run or run.get("restart"):
        return
    # It may have ended without anybody looking.
    if not lifecycle.watcher(aws, handle).poll().ended:
        raise _still_running(handle.dag_id, handle.run_id)


def _still_running(dag_id: str, run_id: str) -> BadInputError:
    hint = (
        f"wait for its end (ductwork status {dag_id} {run_id} --watch), or stop it (ductwork cancel {dag_id} {run_id})"
    )
    return refuse("DW517", f"run {run_id!r} is still running", hint, dag_id=dag_id)


def _restart_local(pool: WorkerPool, dag_id: str, run_id: str, wanted: Again, how: _How) -> int:
    from ductwork_airflow.commands.embedded import embedded, finish_local
    from ductwork_airflow.commands.inputs import prepare_again
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.local import restart as again
    from ductwork_airflow.local.history import open_ledger as open_history
    from ductwork_airflow.local.run import state_file
    from ductwork_airflow.reporting.progress import progress

    with readable_state(), open_history(state_file(), how["ledger_table"]) as ledger:
        find_run(ledger, dag_id, run_id)
        prepared = prepare_again(ledger, dag_id, run_id, how["path"])
    hint = f"restart it again: ductwork restart {dag_id} {run_id} --local"
    with embedded(pool, how["jobs"] or os.cpu_count() or 1, dag_id, hint) as aws:
        output.say(f"{dag_id} {run_id} goes on on the embedded AWS")
        try:
            with progress() as shown:
                embedded_ledger = Ledger.connect(how["ledger_table"], aws.aws)
                report = again.restart(aws, embedded_ledger, prepared, wanted, shown.show)
        except again.StillRunningError:
            raise _still_running(dag_id, run_id) from None
    assert report is not None, "the run has been found"
    return finish_local(report, prepared, how["as_json"])
