"""What Airflow says of a file that it cannot load, as diagnostics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ductwork.diagnostics import Diagnostics, Origin, guard
from ductwork.frontend import airflow2_removals, old_names
from ductwork.frontend.processing import Failure, Location
from ductwork.frontend.source import SourceMap

_INSTALL = "mend this line, or install what it needs where ductwork runs"
_MEND = "mend the DAG; Airflow itself would not load it either"


def _last_error(message: str) -> str:
    """The text of the exception at the end of a traceback; it may have several lines."""
    lines = [line for line in message.strip().splitlines() if line.strip()]
    start = max((number for number, line in enumerate(lines[:-1], 1) if line.startswith((" ", "Traceback"))), default=0)
    last = " ".join(map(str.strip, lines[start:])) or "unknown error"
    # Python names the first package that is missing; the import statement in the traceback names the whole module.
    if missing := re.match(r"ModuleNotFoundError: No module named '(airflow(?:\.[\w.]+)?)'", last):
        for module in re.findall(r"^\s*(?:from|import)\s+(airflow\.[\w.]+)", message, re.M):
            if module.startswith(f"{missing[1]}."):
                return last.replace(missing[1], module)
    return last


def report(path: str, place: Location, failure: Failure, source_map: SourceMap, diagnostics: Diagnostics) -> None:
    """Add the diagnostic for a failure: DW103, DW104 or DW108.

    :param path: the DAG file as the user named it
    """
    if failure.error is not None:
        _report_rejected(failure, failure.error, source_map, diagnostics)
        return
    last = _last_error(failure.message)
    frames = re.findall(r'File "([^"]+)", line (\d+)(?:, in (.+))?', failure.message)
    places = guard.places([(file, int(line), name) for file, line, name in frames])
    written = next((each for each in places if not each.installed), None)
    origin = Origin(place.as_given(written.file, path), written.line) if written else Origin(path)
    via = _line_in(place.file, frames)
    reached = f" (reached from {path}:{via})" if written and Path(written.file) != place.file and via else ""
    if places and _is_packages_own(places[0], last):
        what = f"{last}{reached}, raised in the installed package at {places[0].file}:{places[0].line}"
        old = airflow2_removals.replacement(last)
        hint = "install a version of the package that is made for Airflow 3" if old else _INSTALL
        diagnostics.add("DW103", origin, what, hint)
    elif removed := airflow2_removals.replacement(last):
        diagnostics.add("DW104", origin, removed.what + reached, removed.hint(path))
        _report_others(path, place, origin, source_map, diagnostics)
    elif "Traceback" in failure.message or frames:
        needs = airflow2_removals.missing_provider(last)
        diagnostics.add("DW103", origin, last + reached, f"pip install {needs}" if needs else _INSTALL)
    else:
        diagnostics.add("DW108", origin, last, _MEND)


def _report_others(path: str, place: Location, first: Origin, source_map: SourceMap, diagnostics: Diagnostics) -> None:
    """DW104 of what else is old in the file and its helpers: Python stops at the first of them."""
    here = [(path, each) for each in old_names.old_names(source_map.source)]
    others = old_names.in_helpers(source_map.source, place.file, place.bundle)
    for file, old in (*here, *((place.as_given(file, path), each) for file, each in others)):
        origin = Origin(file, old.line)
        if origin != first:
            diagnostics.add("DW104", origin, old.removed.what, old.removed.hint(path))


def _is_packages_own(raised: guard.Place, last: str) -> bool:
    """Whether the installed package has to change; else the DAG file has to, whose arguments an operator refuses."""
    imports = last.startswith(("ModuleNotFoundError", "ImportError"))
    return raised.installed and (imports or "/airflow/providers/" not in raised.file)


def _line_in(file: Path, frames: Sequence[tuple[str, str, str]]) -> int:
    return next((int(line) for name, line, _ in reversed(frames) if name == str(file)), 0)


def _report_rejected(failure: Failure, error: BaseException, source_map: SourceMap, diagnostics: Diagnostics) -> None:
    """DW108: what Airflow raises about a DAG of a file that loads, by its own rules or a cluster policy's."""
    origin = source_map.dag(failure.dag_id) if failure.dag_id else Origin(source_map.path)
    raised = [each for each in (error, error.__cause__, error.__context__) if each is not None]
    place = next((line for each in raised if (line := guard.authors_place(each.__traceback__))), None)
    what = failure.message.strip() + (f" ({place})" if place else "")
    diagnostics.add("DW108", origin, " ".join(what.split()), _MEND, dag_id=failure.dag_id)
