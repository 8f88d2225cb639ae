"""What the CLI prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

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
    stream = results()
    try:
        stream.write(text if text.endswith("\n") else f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        # Whoever read our results has gone, as in `… | head`; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        sys.exit(1)


def print_json(value: Any) -> None:
    print_result(json.dumps(value, ensure_ascii=False, default=str))


def print_diagnostics(found: Iterable[Diagnostic]) -> None:
    """To stderr, in colour on a terminal."""
    import click

    for severity, text in told(found):
        head, _, rest = text.partition("\n")
        click.echo(click.style(head, fg=_COLOURS[severity]), err=True)
        click.echo(rest, err=True)


def say(text: str) -> None:
    """A line for the person in front of the terminal."""
    import click

    click.echo(text, err=True)
