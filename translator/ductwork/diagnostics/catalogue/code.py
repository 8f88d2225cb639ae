"""What the catalogue knows of one code."""

from __future__ import annotations

from dataclasses import dataclass

from ductwork.diagnostics.severity import Severity


@dataclass(frozen=True)
class Code:
    """What the catalogue says of a code, whatever the DAG.

    :param title: a few words, without a full stop
    :param explanation: whole sentences for ``ductwork explain``: what it means, and what to do
    :param source: where to read more; see :mod:`ductwork.diagnostics.sources` for its forms
    """

    severity: Severity
    title: str
    explanation: str
    source: str


def error(title: str, explanation: str, source: str) -> Code:
    """A code that stops its DAG; the parameters are those of :class:`Code`."""
    return Code(Severity.ERROR, title, explanation, source)


def warning(title: str, explanation: str, source: str) -> Code:
    """A code that lets its DAG compile; the parameters are those of :class:`Code`."""
    return Code(Severity.WARNING, title, explanation, source)
