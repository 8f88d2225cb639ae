"""Importing Airflow, which is most of what a process of ours does that lives for some seconds, and emitting JSON."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

_IRIS = "rfc3987_syntax"


@contextlib.contextmanager
def airflow_imports() -> Iterator[None]:
    """Import Airflow, if nobody has yet, without Python's cyclic collector, and keep it off what was imported.

    Imports leave next to no garbage, but they allocate so much that the collector goes through all of it again and
    again, and once more at the process's end: more than a third of the CPU time of a process that imports Airflow.
    """
    with _without_grammar_of_iris():
        if "airflow" in sys.modules or not gc.isenabled():
            yield
            return
        with collector_at_rest():
            try:
                yield
            finally:
                gc.freeze()


@contextlib.contextmanager
def _without_grammar_of_iris() -> Iterator[None]:
    """Let jsonschema, which Airflow imports, have its check of IRIs without the import of what carries it out.

    That compiles its grammar forty times, a second of CPU: half of Airflow's import, for a format that few Params have.
    """
    if {_IRIS, "jsonschema"} & sys.modules.keys() or importlib.util.find_spec(_IRIS) is None:
        yield
        return
    stand_in = ModuleType(_IRIS)
    setattr(stand_in, "is_valid_syntax", _is_valid_syntax)  # noqa: B010 - to mypy a module has no such attribute
    sys.modules[_IRIS] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(_IRIS) is stand_in:
            del sys.modules[_IRIS]


def _is_valid_syntax(term: str, value: str) -> bool:
    """``rfc3987_syntax.is_valid_syntax``, whose module is imported once this is called."""
    if getattr(sys.modules.get(_IRIS), "is_valid_syntax", None) is _is_valid_syntax:  # while Airflow is being imported
        del sys.modules[_IRIS]
    return bool(importlib.import_module(_IRIS).is_valid_syntax(term, value))


@contextlib.contextmanager
def collector_at_rest() -> Iterator[None]:
    """Do something without the cyclic collector that leaves no cycles: what it makes is freed without it.

    It would otherwise go through all of a growing tree once for every so many nodes.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
