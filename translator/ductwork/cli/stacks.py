"""``ductwork stack`` and ``ductwork compile --target cloudformation``: templates, for whatever deploys them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ductwork.cli import output

if TYPE_CHECKING:
    from ductwork.compiler import Options

_CLEAN, _ERRORS = 0, 1


@click.command()
@click.option("-o", "--output", "destination", default="-", metavar="FILE|-", help="File to write; - for stdout.")
def stack(destination: str) -> int:
    """Print the CloudFormation template that all DAGs share: the ledger and a job queue."""
    from ductwork.cloudformation import shared_stack
    from ductwork.compiler import to_json

    text = to_json(shared_stack.template(), indent=True)
    if destination == "-":
        output.print_result(text)
    else:
        output.write(Path(destination), text)
    return _CLEAN


def write_stacks(paths: Sequence[str], options: Options, destination: str, *, indent: bool) -> int:
    """Compile DAG files to templates, and write these with what they read from a bucket.

    :param options: for the target ``cloudformation``
    :param destination: a folder, or ``-`` for stdout
    :return: the exit code
    """
    from ductwork.cloudformation.compiling import compile_stacks
    from ductwork.compiler import to_json

    made = compile_stacks(paths, options)
    output.print_diagnostics(made.compiled.diagnostics)
    for each in made.stacks:
        text = to_json(each.template, indent=indent)
        if destination == "-":
            output.print_result(text)
            if each.files:
                output.say(f"{each.dag_id} reads {len(each.files)} definitions from a bucket, which -o DIR writes")
            continue
        folder = Path(destination)
        output.write(folder / f"{each.dag_id}.template.json", text)
        for key, definition in each.files.items():
            output.write(folder / key, definition)
    return _ERRORS if made.compiled.diagnostics.failed else _CLEAN
