"""What the CLI prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from ductwork.diagnostics import Diagnostic, Severity, told

_results: TextIO | None = None

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}


def results() -> TextIO:
    """The stream for results. The first call keeps stdout for them alone.

    Airflow, providers and DAG files print to stdout at will; from now on what they print goes to stderr, so that a
    command's JSON is never spoilt.
    """
    global _results
    if _results is None:
        sys.stdout.flush()
        _results = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
    return _results


def print_result(text: str) -> None:
    """Write a result, on a line of its own. If nobody reads stdout any more, the process ends with 1."""
    stream = results()
    try:
        stream.write(text if text.endswith("\n") else f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        # The reader of our results has gone, as in `… | head`; there is nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        sys.exit(1)


def print_json(value: object) -> None:
    """A result as one line of JSON; what JSON does not know is written as its text."""
    print_result(json.dumps(value, ensure_ascii=False, default=str))


def print_diagnostics(findings: Iterable[Diagnostic]) -> None:
    """To stderr, in colour on a terminal."""
    import click

    for severity, text in told(findings):
        head, _, rest = text.partition("\n")
        click.echo(click.style(head, fg=_COLOURS[severity]), err=True)
        click.echo(rest, err=True)


def say(text: str) -> None:
    """A line for the person in front of the terminal."""
    import click

    click.echo(text, err=True)


def working(text: str) -> None:
    """What takes a while now, for who would otherwise look at a silent terminal; nothing where stderr is a file."""
    if sys.stderr.isatty():
        say(text)


def reading() -> None:
    """Say that the DAG files are being read, before Airflow is imported for it."""
    working("reading the DAG files with Airflow, whose import takes some seconds")


def write(path: Path, text: str) -> None:
    """Write a file, its folders too, and say so.

    :raises click.ClickException: it cannot be written
    """
    import click

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}; choose another folder with -o") from error
    say(f"wrote {path}")
