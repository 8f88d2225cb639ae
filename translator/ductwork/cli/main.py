"""The command line: ``compile``, ``check``, ``upgrade``, ... and the verbs of ``ductwork_airflow.commands``.

Nothing here imports Airflow before a command needs it: ``ductwork --help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click

from ductwork import __version__
from ductwork.cli import output, stacks, upgrade
from ductwork.diagnostics import Diagnostics, told
from ductwork.frame_stack import roomy

_CLEAN, _ERRORS = 0, 1


# The verbs about runs are in the other package of this distribution, which is built on this one: it is imported when it
# is asked for. Entry points would find it too, but reading the metadata of all that is installed takes longer than the
# rest of ``ductwork --help``.
_RUN_COMMANDS = "ductwork_airflow.commands"


class _Commands(click.Group):
    """A group that also offers the commands that :data:`_RUN_COMMANDS` lists in ``__all__``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *import_module(_RUN_COMMANDS).__all__})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (builtin := super().get_command(ctx, cmd_name)) is not None:
            return builtin
        run_commands = import_module(_RUN_COMMANDS)
        return getattr(run_commands, cmd_name) if cmd_name in run_commands.__all__ else None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ductwork")
def cli() -> None:
    """Run ordinary Airflow 3 DAG files on AWS Batch and Step Functions, with no Airflow workers."""


_DEPLOYMENT_OPTIONS = (
    ("--job-queue", "Batch job queue, name or ARN."),
    ("--job-definition", "Batch job definition of the worker image: name, name:revision or ARN."),
    ("--image", "Worker image; a job definition for it is written beside the artefact."),
    ("--dag-code", "Where in S3 the DAG files are, as `ductwork upload` prints it; else in the worker image."),
    ("--ledger-table", "DynamoDB table of the ledger."),
    ("--vcpus", "vCPUs of a worker."),
    ("--memory", "Memory of a worker in MiB."),
    ("--gpus", "GPUs of a worker."),
    ("--ignore", "Arguments that container operators do without on AWS, separated by commas: affinity,tolerations."),
)
# By the names of ir.Deployment's fields.
DEPLOYMENT_NAMES = tuple(option.removeprefix("--").replace("-", "_") for option, _ in _DEPLOYMENT_OPTIONS)


def deployment_options(command: Callable[..., object]) -> Callable[..., object]:
    """The options that give deployment values, as the keyword arguments :data:`DEPLOYMENT_NAMES`."""
    for option, text in _DEPLOYMENT_OPTIONS:
        command = click.option(option, help=text)(command)
    return command


_target = click.option(
    "--target", type=click.Choice(["stepfunctions", "batch", "schedule"]), default="stepfunctions", show_default=True
)
ENGINES = ("states", "batch")


def engine_option(command: Callable[..., object]) -> Callable[..., object]:
    """``engine``, None if it is left out: what decides in a state machine which task runs when."""
    text = "Of a state machine: its own states start each task (the default), or one chain of Batch jobs."
    return click.option("--engine", type=click.Choice(ENGINES), help=text)(command)


def checked_engine(engine: str | None, target: str) -> str:
    """The engine to compile for.

    :raises click.UsageError: one is named for a target that has none
    """
    if engine is not None and target not in {"stepfunctions", "cloudformation"}:
        raise click.UsageError(f"--engine goes with --target stepfunctions: {target} has no state machine")
    return engine or ENGINES[0]


_compile_target = click.option(
    "--target",
    type=click.Choice(["stepfunctions", "batch", "schedule", "cloudformation"]),
    default="stepfunctions",
    show_default=True,
)
_dag_id = click.option("--dag-id", help="Only this DAG of the files.")
_paths = click.argument("paths", nargs=-1, required=True, metavar="PATH...")


@cli.command("compile")
@_paths
@_dag_id
@_compile_target
@engine_option
@click.option("-o", "--output", "destination", default=".", metavar="DIR|-", help="Folder to write to; - for stdout.")
@click.option("--indent", is_flag=True, help="Indented JSON, for reading.")
@click.option("--no-restart", is_flag=True, help="Leave out what lets a failed run be restarted where it stopped.")
@deployment_options
def compile_command(
    paths: tuple[str, ...],
    dag_id: str | None,
    target: str,
    engine: str | None,
    destination: str,
    indent: bool,
    no_restart: bool,
    **deployment: str | None,
) -> int:
    """Compile DAG files to JSON: DIR/<dag_id>.asl.json, .batch.json, .schedule.json or .template.json."""
    engine = checked_engine(engine, target)
    output.results()
    from ductwork.compiler import Options, compile_paths, to_json

    options = Options(target, dag_id, deployment, restartable=not no_restart, engine=engine, unattended=True)
    if target == "cloudformation":
        output.reading()
        return stacks.write_stacks(paths, options, destination, indent=indent)
    output.reading()
    compiled = compile_paths(paths, options)
    output.print_diagnostics(compiled.diagnostics)
    for artefact in compiled.artefacts:
        if destination == "-":
            output.print_result(artefact.text(indent=indent))
            if artefact.job_definitions:
                output.say(f"{artefact.dag_id} needs job definitions, which are written only where -o names a folder")
            continue
        output.write(Path(destination) / f"{artefact.dag_id}.{artefact.kind}.json", artefact.text(indent=indent))
        if artefact.job_definitions:
            definitions = to_json(list(artefact.job_definitions), indent=indent)
            output.write(Path(destination) / f"{artefact.dag_id}.jobdefinitions.json", definitions)
        if artefact.started_by:
            schedules = to_json(artefact.started_by.documents(), indent=indent)
            output.write(Path(destination) / f"{artefact.dag_id}.eventbridge.json", schedules)
    return _ERRORS if compiled.diagnostics.failed else _CLEAN


@cli.command()
@_paths
@_dag_id
@_target
@engine_option
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
@deployment_options
def check(
    paths: tuple[str, ...], dag_id: str | None, target: str, engine: str | None, style: str, **deployment: str | None
) -> int:
    """Report what would keep DAG files from running as they do under Airflow. Writes nothing."""
    engine = checked_engine(engine, target)
    output.results()
    from ductwork.compiler import Options, compile_paths

    output.reading()
    compiled = compile_paths(paths, Options(target, dag_id, deployment, engine=engine, unattended=True))
    if style == "json":
        output.print_json([finding.as_json() for finding in compiled.diagnostics])
    else:
        for _, text in told(compiled.diagnostics):
            output.print_result(text)
        if not len(compiled.diagnostics):
            names = ", ".join(workflow.dag_id for workflow in compiled.workflows) or "nothing to check"
            output.print_result(f"no problems: {names}")
        for artefact in compiled.artefacts:
            if artefact.started_by:
                output.print_result(f"{artefact.dag_id} is started by {artefact.started_by.told()}")
    return _ERRORS if compiled.diagnostics.failed else _CLEAN


@cli.command("import")
@click.argument("path", metavar="FILE.json")
@click.option("-o", "--output", "destination", required=True, metavar="FILE.py|-", help="File to write; - for stdout.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def import_command(path: str, destination: str, force: bool) -> int:
    """Turn a schedule document into a DAG file of BatchOperators."""
    output.results()
    from ductwork.importing import import_file

    diagnostics = Diagnostics()
    text = import_file(path, diagnostics)
    output.print_diagnostics(diagnostics)
    if text is None:
        return _ERRORS
    if destination == "-":
        output.print_result(text)
        return _CLEAN
    # Unlike what compile writes, a DAG file is for people to go on with.
    if not force and os.path.lexists(destination):
        raise click.ClickException(f"{destination} is there already; choose another file with -o, or give --force")
    output.write(Path(destination), text)
    return _CLEAN


@cli.command()
@click.argument("subject", metavar="CODE|PATH")
@_dag_id
@_target
@engine_option
@click.option("--graph", is_flag=True, help="Draw the DAG as a Mermaid flowchart instead.")
def explain(subject: str, dag_id: str | None, target: str, engine: str | None, graph: bool) -> int:
    """Explain a diagnostic code, or how each task of a DAG is carried out and why."""
    from ductwork.diagnostics.catalogue import CODES

    engine = checked_engine(engine, target)
    if (code := CODES.get(subject.upper())) is not None:
        text = f"{subject.upper()} ({code.severity.value}): {code.title}\n\n{code.explanation}\n\nsource: {code.source}"
        output.print_result(text)
        return _CLEAN
    if subject.upper().startswith("DW") and not Path(subject).exists():
        raise click.UsageError(f"there is no diagnostic {subject}; known are {', '.join(CODES)}")
    output.results()
    from ductwork.cli.explain import describe
    from ductwork.cli.mermaid import draw
    from ductwork.compiler import Options, compile_paths

    output.reading()
    compiled = compile_paths([subject], Options(target, dag_id, engine=engine))
    output.print_diagnostics(compiled.diagnostics)
    for workflow in compiled.workflows:
        artefact = next((each for each in compiled.artefacts if each.dag_id == workflow.dag_id), None)
        output.print_result(draw(workflow) if graph else describe(workflow, artefact))
    return _ERRORS if compiled.diagnostics.failed else _CLEAN


cli.add_command(stacks.stack)
cli.add_command(upgrade.upgrade)


@roomy
def main() -> None:
    """The console script. Exit codes: 0 clean, 1 errors or a failed run, 2 usage."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        output.say("interrupted")
        code = 130
    sys.exit(code or _CLEAN)
