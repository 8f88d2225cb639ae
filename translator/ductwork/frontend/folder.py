"""The DAG files of a folder: those that Airflow sees in it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from airflow.configuration import conf
from airflow.utils.file import might_contain_dag

from ductwork.diagnostics import Diagnostics, Origin, guard
from ductwork.frontend.compat import find_path_from_directory
from ductwork.frontend.processing import absolute, dags_folder_above

_IGNORE_FILE = ".airflowignore"


def dag_files(folder: str, diagnostics: Diagnostics) -> list[str]:
    """The Python files that Airflow would load, in alphabetical order, below the folder as the user has named it.

    Airflow's walk respects ``.airflowignore`` and follows links. It begins at the bundle, whose ``.airflowignore`` also
    holds for the folders in it. Airflow itself has no order: it takes files as the file system lists them.
    """
    root = absolute(folder)
    bundle = dags_folder_above(root) or root
    files: list[str] = []
    with guard.reported(Origin(folder), diagnostics, "while Airflow looks through the folder"):
        for path in _walk(bundle, folder, diagnostics):
            if path.is_relative_to(root) and _is_dag_file(path, given := _given(path, root, folder), diagnostics):
                files.append(given)
    _report_unreadable(root, folder, diagnostics)
    return sorted(files, key=Path)


def _walk(bundle: Path, folder: str, diagnostics: Diagnostics) -> Iterator[Path]:
    syntax = conf.get("core", "dag_ignore_file_syntax", fallback="glob")
    try:
        yield from map(Path, find_path_from_directory(bundle, _IGNORE_FILE, syntax))
    except (RuntimeError, ValueError, OSError, UnicodeDecodeError) as error:
        what = f"Airflow cannot look through this folder, so nothing more of it is loaded: {error}"
        hint = f"take the link away, or name what it leads to in {_IGNORE_FILE}; or name the DAG files one by one"
        diagnostics.add("DW101", Origin(folder), what, hint)


def _report_unreadable(root: Path, folder: str, diagnostics: Diagnostics) -> None:
    def report(error: OSError) -> None:
        what = f"Airflow passes over this folder, which cannot be read: {error.strerror}"
        hint = "change its permissions if there are DAG files in it"
        diagnostics.add("DW114", Origin(_given(Path(error.filename), root, folder)), what, hint)

    for _ in os.walk(root, onerror=report):
        pass


def _given(path: Path, root: Path, folder: str) -> str:
    return os.path.join(folder, path.relative_to(root))


def _is_dag_file(path: Path, given: str, diagnostics: Diagnostics) -> bool:
    """Airflow's own heuristic ("safe mode"). A file that cannot be read passes: loading it reports that."""
    if not path.is_file():
        if path.is_symlink() and path.suffix == ".py":
            what = f"Airflow passes over this link, which leads to no file: {os.readlink(path)}"
            diagnostics.add("DW114", Origin(given), what, "mend the link if a DAG file is meant")
        return False
    safe_mode = conf.getboolean("core", "dag_discovery_safe_mode")
    wanted = False
    with guard.reported(Origin(given), diagnostics, "in [core] might_contain_dag_callable"):
        try:
            if path.suffix.lower() == ".py":
                wanted = might_contain_dag(str(path), safe_mode)
            elif path.suffix.lower() == ".zip" and holds_dags(path, safe_mode):
                report_package(given, diagnostics)
        except OSError:
            wanted = True
    return wanted


def holds_dags(archive: Path, safe_mode: bool = True) -> bool:
    """Whether Airflow would load a file of a packaged DAG: one at the top level of the archive."""
    if not zipfile.is_zipfile(archive):
        return False
    with zipfile.ZipFile(archive) as opened:
        names = [name for name in opened.namelist() if "/" not in name and Path(name).suffix in (".py", ".pyc")]
        return any(might_contain_dag(name, safe_mode, opened) for name in names)


def report_package(given: str, diagnostics: Diagnostics) -> None:
    """DW113, for an archive in which Airflow would look for DAG files.

    :param given: its path as the user has named it
    """
    what = "packaged DAGs are not read: Airflow would load those of this archive"
    hint = f"unpack it beside the other DAG files, or name it in {_IGNORE_FILE}"
    diagnostics.add("DW113", Origin(given), what, hint)
