"""``ductwork deploy``: compile DAG files and deploy their stacks; ``diff``: only show what that would change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypedDict

import click
from ductwork.cli import output
from ductwork.cli.main import DEPLOYMENT_NAMES, deployment_options
from ductwork.contracts import default_names

from ductwork_airflow.commands import packing
from ductwork_airflow.commands.base import CLEAN, FAILED, aws_errors, connect, location_options, stop_on_errors

if TYPE_CHECKING:
    from ductwork.cloudformation.dag_stack import Stack
    from typing_extensions import Unpack

    from ductwork_airflow.deploying.requests_stack import Wish

_AGAIN = "give the same command again: what is done is not done twice"


class DeployOptions(TypedDict, total=False):
    """The values of the options that :func:`deploy` and :func:`diff` share."""

    dag_id: str | None
    stack: str
    bucket: str | None
    upload: bool
    requests: tuple[str, ...]
    parameters: tuple[str, ...]
    engine: str
    region_name: str | None
    endpoint_url: str | None
    job_queue: str | None
    job_definition: str | None
    image: str | None
    ledger_table: str | None
    vcpus: str | None
    memory: str | None
    gpus: str | None
    ignore: str | None
    dag_code: str | None


def stack_options(command: Callable[..., object]) -> Callable[..., object]:
    """Which stacks, and with what parameters."""
    for option in (
        click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of a stack."),
        click.option("--bucket", metavar="B", help="Bucket for DAG files, and for what is too large for a request."),
        click.option(
            "--stack",
            default=default_names.SHARED_STACK,
            show_default=True,
            help="Name of the shared stack; DAGs' begin with it.",
        ),
    ):
        command = option(command)
    return command


def _options(command: Callable[..., object]) -> Callable[..., object]:
    engine = click.Choice(["states", "batch"])
    for decorate in (
        deployment_options,
        location_options,
        click.option("--engine", type=engine, default="states", help="What starts the tasks, as for compile."),
        click.option(
            "--upload", is_flag=True, help="Put the DAG folder into the bucket, from where workers fetch their files."
        ),
        stack_options,
        click.option(
            "--requests",
            multiple=True,
            type=click.Choice(["api", "api-key", "table", "notices", "none"]),
            help="What starts runs from outside and tells of their ends; none takes it away. By default as it was.",
        ),
        click.option("--dag-id", help="Only this DAG of the files."),
        click.argument("paths", nargs=-1, required=True, metavar="PATH..."),
    ):
        command = decorate(command)
    return command


@click.command()
@_options
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
def deploy(paths: tuple[str, ...], dry_run: bool, **options: Unpack[DeployOptions]) -> int:
    """Compile DAG files, and deploy a CloudFormation stack for each DAG, and one that they share.

    The same command changes nothing that is as it should be, and goes on where one before it was interrupted.
    """
    output.results()
    return _carry_out(paths, options, dry_run=dry_run)


@click.command()
@_options
def diff(paths: tuple[str, ...], **options: Unpack[DeployOptions]) -> int:
    """Show what `ductwork deploy` would change. The exit code is 1 if that is anything."""
    output.results()
    return _carry_out(paths, options, dry_run=True, is_diff=True)


def _carry_out(paths: Sequence[str], options: DeployOptions, *, dry_run: bool, is_diff: bool = False) -> int:
    with _code(paths, options) as code:
        if code is not None:
            options = {**options, "dag_code": code.uri}
        stacks = _compile(paths, options)
        if not stacks:
            return CLEAN
        if code is not None and not dry_run:
            code.upload(connect(options["region_name"], options["endpoint_url"]))
        return _deploy(stacks, options, dry_run=dry_run, is_diff=is_diff)


def _code(paths: Sequence[str], options: DeployOptions) -> AbstractContextManager[packing.PackedCode | None]:
    """The DAG folder, packed, with ``--upload``. It goes to S3 once everything is compiled that names it."""
    if not options["upload"]:
        return nullcontext()
    if options["bucket"] is None:
        raise click.UsageError("--upload goes with --bucket")
    if options["dag_code"] is not None:
        raise click.UsageError("--upload says where the DAG files are; leave --dag-code out")
    return packing.packed(packing.folder_of(paths), f"s3://{options['bucket']}/{packing.PREFIX}")


def _compile(paths: Sequence[str], options: DeployOptions) -> list[Stack]:
    from ductwork.cloudformation.compiling import compile_stacks
    from ductwork.compiler import Options

    values = {name: value for name, value in options.items() if name in DEPLOYMENT_NAMES}
    made = compile_stacks(
        paths, Options(dag_id=options["dag_id"], deployment=values, engine=options["engine"], unattended=True)
    )
    stop_on_errors(made.compiled.diagnostics)
    output.print_diagnostics(made.compiled.diagnostics)
    return made.stacks


def _deploy(stacks: Sequence[Stack], options: DeployOptions, *, dry_run: bool, is_diff: bool = False) -> int:
    from ductwork_airflow.deploying import change_sets, deployment
    from ductwork_airflow.deploying.stack_status import Pace

    given = parameters(options["parameters"])
    order = deployment.Order(options["stack"], options["bucket"], given, options["image"], _wish(options["requests"]))
    with aws_errors(hint=f"check credentials, --region and what the caller may do, then {_AGAIN}", again=_AGAIN):
        aws = connect(options["region_name"], options["endpoint_url"])
        done = deployment.deploy(aws, stacks, order, output.say, Pace(), dry_run=dry_run)
    output.print_json(done)
    return FAILED if is_diff and change_sets.WOULD_CHANGE in done.values() else CLEAN


def _wish(requests: Sequence[str]) -> Wish | None:
    from ductwork_airflow.deploying.requests_stack import Wish

    if not requests:
        return None
    if "none" in requests and len(requests) > 1:
        raise click.UsageError("--requests none goes with nothing else")
    parts = {"api" if each == "api-key" else each for each in requests} - {"none"}
    return Wish(frozenset(parts), "api-key" if "api-key" in requests else "iam")


def parameters(given: Sequence[str]) -> Mapping[str, str]:
    """The values of ``--parameter``.

    :raises click.UsageError: one is not NAME=VALUE
    """
    if bad := [each for each in given if "=" not in each]:
        raise click.UsageError(f"--parameter takes NAME=VALUE, not {bad[0]!r}")
    return dict(each.partition("=")[::2] for each in given)
