"""What raises while a DAG is read or compiled becomes a diagnostic, so that it never stops the other DAGs.

Code of authors runs when Airflow has imported a file, too: properties, timetables, methods of what they pass as
arguments. Where it raises, the diagnostic shows the author's own line; else the defect is ours and is said to be.
"""

from __future__ import annotations

import linecache
import logging
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ductwork.diagnostics.diagnostic import Diagnostics, Origin

log = logging.getLogger(__name__)

_OURS = str(Path(__file__).parents[1])
_PYTHON = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Place:
    """A line of code that is neither Airflow's, nor Python's, nor ours.

    :param installed: it is of an installed package, not of a file beside the DAGs
    """

    file: str
    line: int
    function: str
    installed: bool

    def __str__(self) -> str:
        code = linecache.getline(self.file, self.line).strip()
        return f"{self.file}:{self.line} in {self.function}" + (f": {code}" if code else "")


@contextmanager
def reported(origin: Origin, diagnostics: Diagnostics, doing: str, **about: str) -> Iterator[None]:
    """Turn what the block raises into a diagnostic: all that Airflow catches, which is all except KeyboardInterrupt.

    :param doing: what the block does, as in "while its tasks are read"
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 -- code of authors may raise anything, sys.exit() included
        report(error, origin, diagnostics, doing, **about)


def report(error: BaseException, origin: Origin, diagnostics: Diagnostics, doing: str, **about: str) -> None:
    """DW112 for what the author's code has raised, DW331 for a defect of ours.

    :param doing: as in :func:`reported`
    """
    log.debug("%s", doing, exc_info=error)
    place = authors_place(error.__traceback__)
    if place is None:
        what = f"Ductwork has a defect: {said(error)} {doing} ({_own_place(error.__traceback__)})"
        hint = "please report it with the DAG file, or the part of it that brings this about; other DAGs are compiled"
        diagnostics.add("DW331", origin, what, hint, **about)
        return
    what = f"code of the author's raises {doing}: {said(error)} ({place})"
    hint = "let it run where it needs no more than the DAG file; other DAGs are compiled"
    diagnostics.add("DW112", origin, what, hint, **about)


def said(error: BaseException) -> str:
    """The exception as the last line of its traceback, on one line."""
    try:
        lines = traceback.format_exception_only(error)
    except Exception:  # noqa: BLE001 -- its own __str__ may raise
        return type(error).__name__
    return " ".join(" ".join(lines).split())


def authors_place(trace: TracebackType | None) -> Place | None:
    """The innermost line that an author has written, else one of a package that is not part of Airflow, else None."""
    frames = [(frame.filename, frame.lineno or 0, frame.name) for frame in traceback.extract_tb(trace)]
    last = max((number for number, (file, *_) in enumerate(frames) if file.startswith(_OURS)), default=-1)
    lines = places(frames[last + 1 :])
    return next((place for place in lines if not place.installed), lines[0] if lines else None)


def places(frames: Sequence[tuple[str, int, str]]) -> list[Place]:
    """The lines of a traceback (file, line, function), the innermost first, without those of :func:`_is_machinery`."""
    return [
        Place(file, line, name, any(folder in file for folder in _INSTALLED))
        for file, line, name in reversed(frames)
        if not _is_machinery(file)
    ]


def _is_machinery(file: str) -> bool:
    """Code of Python, of Airflow's core, or ours, called by an author's code: what it raises is the caller's affair."""
    if file.startswith(_OURS):
        return True
    if file.startswith("<") or (file.startswith(_PYTHON) and not any(name in file for name in _INSTALLED)):
        return True
    airflow = sys.modules.get("airflow")
    roots = [f"{path}/" for path in getattr(airflow, "__path__", ())]
    return any(file.startswith(root) and not file.startswith(f"{root}providers/") for root in roots)


def _own_place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if frame.filename.startswith(_OURS) and frame.filename != __file__]
    last = (ours or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}, raised at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
