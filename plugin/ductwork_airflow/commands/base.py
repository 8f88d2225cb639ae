"""What the verbs share: reporting what is wrong, and where AWS is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TypedDict

import click
from ductwork.cli import output
from ductwork.contracts import default_names
from ductwork.diagnostics import Diagnostics, Origin

if TYPE_CHECKING:
    from ductwork_airflow.aws.clients import Aws, Clients
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.run_model.handle import RunHandle

CLEAN, FAILED = 0, 1
COMMAND_LINE = Origin("command line")


class BadInputError(click.ClickException):
    """Diagnostics have been printed; there is nothing to add."""

    exit_code = FAILED

    def show(self, file: IO[str] | None = None) -> None:
        """Nothing: the diagnostics have been printed."""
        pass


def stop_on_errors(diagnostics: Diagnostics) -> None:
    """Print the diagnostics if there is an error among them; warnings alone are left to the caller.

    :raises BadInputError: there is an error
    """
    if diagnostics.failed:
        output.print_diagnostics(diagnostics)
        raise BadInputError("")


def refuse(code: str, what: str, hint: str, **about: str) -> BadInputError:
    """Print one diagnostic. To be raised."""
    diagnostics = Diagnostics()
    diagnostics.add(code, COMMAND_LINE, what, hint, **about)
    output.print_diagnostics(diagnostics)
    return BadInputError("")


def require_local() -> None:
    """Check that the extra ``local`` is installed.

    :raises BadInputError: DW508
    """
    from importlib.util import find_spec

    if find_spec("moto") is None or find_spec("jsonata") is None:
        what = "the embedded AWS is not installed"
        raise refuse("DW508", what, "run: pip install 'ductwork[local]'", field="--local")


@contextmanager
def readable_state() -> Iterator[None]:
    """Report a damaged state file in place of a traceback."""
    from ductwork_airflow.embedded_aws.tables import StateFileError

    try:
        yield
    except StateFileError as error:
        raise refuse("DW506", str(error), "move the file away to start with an empty ledger") from error


@contextmanager
def aws_errors(
    code: str = "DW507",
    hint: str = "see the message",
    again: str = "give the same command again: nothing is started twice",
) -> Iterator[None]:
    """Report what AWS refuses, and what cannot be sent to it, in place of a traceback.

    :param again: what to do once it is mended
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from ductwork_airflow.aws.errors import SubmissionError
    from ductwork_airflow.ledger.table import LedgerError

    try:
        yield
    except (SubmissionError, LedgerError) as error:
        raise refuse("DW516", str(error), f"mend it, then {again}") from error
    except (BotoCoreError, ClientError) as error:
        raise refuse(code, f"AWS refused a request: {str(error)[:500]}", hint) from error


class Location(TypedDict):
    """Where AWS and the ledger are: the values of :func:`ledger_options`."""

    ledger_table: str
    region_name: str | None
    endpoint_url: str | None


def location_options(command: Callable[..., object]) -> Callable[..., object]:
    """Where AWS is: ``region_name`` and ``endpoint_url``."""
    command = click.option("--endpoint-url", help="One endpoint for all services in place of AWS's own.")(command)
    return click.option("--region", "region_name", help="AWS Region.")(command)


def ledger_options(command: Callable[..., object]) -> Callable[..., object]:
    """Where the ledger is: ``ledger_table``, ``region_name``, ``endpoint_url``."""
    table = click.option(
        "--ledger-table", default=default_names.LEDGER_TABLE, show_default=True, help="DynamoDB table of the ledger."
    )
    return location_options(table(command))


@contextmanager
def ledger_errors(table: str, dag_id: str) -> Iterator[None]:
    """Turn what boto3 and the ledger's client raise in the block into DW506.

    :raises BadInputError: the ledger's table cannot be read, or lacks something
    """
    hint = "check credentials, --region and --ledger-table; for local runs add --local"
    from botocore.exceptions import BotoCoreError, ClientError

    from ductwork_airflow.ledger.table import LedgerError

    try:
        yield
    except LedgerError as error:
        raise refuse("DW506", str(error), "then give the same command again", dag_id=dag_id) from error
    except (BotoCoreError, ClientError) as error:
        what = f"the ledger's table {table!r} cannot be read: {error}"
        raise refuse("DW506", what, hint, dag_id=dag_id) from error


def connect(region_name: str | None, endpoint_url: str | None) -> Aws:
    """Clients for the account that boto3's usual configuration names."""
    from ductwork_airflow.aws.clients import Aws

    # Once Airflow is imported, everything down to INFO is printed: where botocore found credentials and each endpoint.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    return Aws(region_name, endpoint_url)


def open_ledger(ledger_table: str, region_name: str | None, endpoint_url: str | None) -> tuple[Clients, Ledger]:
    """What :func:`ledger_options` names."""
    from ductwork_airflow.ledger import Ledger

    with ledger_errors(ledger_table, ""):
        aws = connect(region_name, endpoint_url)
        return aws, Ledger.connect(ledger_table, aws)


def look_once(clients: Clients, ledger: Ledger, handle: RunHandle) -> None:
    """Bring the ledger up to date where nothing else may have: only its mirror follows a job chain."""
    from botocore.exceptions import BotoCoreError, ClientError
    from ductwork.contracts.run_item import is_chain

    from ductwork_airflow.runs import lifecycle

    run = ledger.run(handle.dag_id, handle.run_id) or {}
    if "ended_at" in run or not is_chain(run):
        return
    try:
        lifecycle.watcher(clients, handle).poll()
    except (BotoCoreError, ClientError) as error:
        output.say(f"this is what the ledger knows, for AWS does not say how the run goes on: {error}")


def find_run(ledger: Ledger, dag_id: str, run_id: str | None) -> RunHandle:
    """The run named, or the DAG's newest."""
    from ductwork_airflow.run_model.handle import RunHandle

    with ledger_errors(ledger.table, dag_id):
        run_id = run_id or next((run["run_id"] for run in ledger.runs(dag_id)), None)
        run = ledger.run(dag_id, run_id) if run_id else None
    if run is None or run_id is None:
        raise refuse_no_run(dag_id, run_id)
    return RunHandle(dag_id, run_id, run.get("target", "stepfunctions"), ledger.table, run.get("execution_arn"))


def refuse_no_run(dag_id: str, run_id: str | None = None) -> BadInputError:
    """DW505, for the caller to raise."""
    what = f"the ledger has no run {run_id!r}" if run_id else "the ledger has no run of this DAG"
    return refuse("DW505", what, "check the DAG id and the run id", dag_id=dag_id)
