"""Loading DAG files the way Airflow does, without a metadata database, and reporting what goes wrong as diagnostics."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ductwork.assets import Asset
from ductwork.diagnostics import Diagnostics, Origin
from ductwork.frontend import assets, fields, legacy, mapping, notices, xcoms
from ductwork.frontend.compat import DagBag, manual_interval
from ductwork.frontend.operators import groups_around, setups_above, snapshot_operator
from ductwork.frontend.plain import plain
from ductwork.frontend.source import SourceMap
from ductwork.snapshot import DATA_INTERVAL, DagSnapshot
from ductwork.task_groups import TaskGroup

COMPILING = "DUCTWORK_COMPILING"


def load(paths: Sequence[str], diagnostics: Diagnostics) -> list[DagSnapshot]:
    """All DAGs of the files given, folders searched for Python files that look like DAG files.

    :param paths: as the user gave them; diagnostics name files the same way
    """
    found: list[DagSnapshot] = []
    for path in paths:
        if os.path.isdir(path):
            found.extend(_load_folder(path, diagnostics))
        elif os.path.isfile(path):
            found.extend(load_file(path, diagnostics))
        else:
            what = f"there is no file {path!r}"
            diagnostics.add("DW101", Origin(path), what, "check the spelling and the working directory")
    _check_unique(found, diagnostics)
    return found


def _load_folder(folder: str, diagnostics: Diagnostics) -> list[DagSnapshot]:
    found: list[DagSnapshot] = []
    reported = len(diagnostics)
    for file in sorted(path for path in Path(folder).rglob("*.py") if not path.is_dir()):
        if _may_hold_dags(file):
            found.extend(load_file(str(file), diagnostics, folder=folder))
    if not found and len(diagnostics) == reported:
        what = "no Python file in this folder that mentions both 'airflow' and 'dag' defines a DAG"
        diagnostics.add("DW109", Origin(folder), what, "name the file itself to load it all the same")
    return found


def _may_hold_dags(file: Path) -> bool:
    """Airflow's own heuristic ("safe mode") for the files of a folder to load. An unreadable one is to be reported."""
    try:
        text = file.read_bytes().lower()
    except OSError:
        return True
    return b"airflow" in text and b"dag" in text


def load_file(path: str, diagnostics: Diagnostics, *, folder: str | None = None) -> list[DagSnapshot]:
    """
    :param folder: the folder the user named; None if the user named this very file, so that it must define a DAG
    """
    try:
        # As Python reads it: with its encoding declaration or byte order mark.
        with tokenize.open(path) as file:
            source = file.read()
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        hint = "check its permissions and encoding"
        diagnostics.add("DW101", Origin(path), f"the file cannot be read: {error}", hint)
        return []
    try:
        source_map = SourceMap(path, source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 0
        what = getattr(error, "msg", str(error)) or type(error).__name__
        diagnostics.add("DW102", Origin(path, line), f"Python cannot parse the file: {what}", "mend this line")
        return []
    bundle = _bundle_path(path, folder)
    dags, errors = run_file(path, bundle)
    for message in errors:
        _report_import_error(path, message, diagnostics)
    if not dags and not errors and folder is None:
        what = "the file loads but defines no DAG"
        hint = "bind the DAG to a module-level name, or call the function decorated with @dag"
        diagnostics.add("DW105", Origin(path), what, hint)
    named = zip(dags, assets.of_dags(dags), strict=True)
    return [_snapshot_dag(dag, path, bundle, source_map, found) for dag, found in named]


def run_file(path: str, bundle: Path | None = None) -> tuple[list[Any], list[str]]:
    """The DAGs that Airflow finds in a file and its error messages. What the file prints goes nowhere.

    :param bundle: the folder that DAG files import their helpers from, as in the worker: the bundle's, and no other
    """
    folder = str(bundle or _bundle_path(path, None))
    added = folder not in sys.path
    if added:
        sys.path.insert(0, folder)
    try:
        with _quiet(), _whole_tracebacks(), _compiling():
            bag = DagBag(dag_folder=os.devnull, safe_mode=False, collect_dags=False)
            dags = bag.process_file(str(Path(path).resolve()), only_if_updated=False, safe_mode=False)
    finally:
        if added and folder in sys.path:
            sys.path.remove(folder)
    # Airflow lists a DAG twice if tasks were added to it after its "with" block: its hash is another then.
    once = {id(dag): dag for dag in dags}.values()
    return sorted(once, key=lambda dag: str(dag.dag_id)), list(bag.import_errors.values())


@contextlib.contextmanager
def _compiling() -> Iterator[None]:
    """Tell DAG files, and the plugin's policy, that the DAG is wanted as its author wrote it."""
    before = os.environ.get(COMPILING)
    os.environ[COMPILING] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[COMPILING]
        else:
            os.environ[COMPILING] = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Airflow logs and the DAG file prints away from our output: stdout may carry JSON."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as sink:
        try:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in enumerate(saved, start=1):
                os.dup2(copy, number)
                os.close(copy)


@contextlib.contextmanager
def _whole_tracebacks() -> Iterator[None]:
    """Airflow by default keeps two frames of a traceback, and the user's own line is often not among them."""
    wanted = {
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACKS": "True",
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH": "1000",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _last_error(message: str) -> str:
    """The text of the exception at the end of a traceback; it may have several lines."""
    lines = [line for line in message.strip().splitlines() if line.strip()]
    start = max((number for number, line in enumerate(lines[:-1], 1) if line.startswith((" ", "Traceback"))), default=0)
    last = " ".join(map(str.strip, lines[start:])) or "unknown error"
    # Python names the first package that is missing; the import statement in the traceback names the whole module.
    if missing := re.match(r"ModuleNotFoundError: No module named '(airflow[\w.]*)'", last):
        for module in re.findall(r"^\s*(?:from|import)\s+(airflow[\w.]+)", message, re.M):
            if module.startswith(f"{missing[1]}."):
                return last.replace(missing[1], module)
    return last


def _report_import_error(path: str, message: str, diagnostics: Diagnostics) -> None:
    last = _last_error(message)
    places = re.findall(rf'File "{re.escape(str(Path(path).resolve()))}", line (\d+)', message)
    origin = Origin(path, int(places[-1]) if places else 0)
    if removed := legacy.replacement(last):
        used, instead = removed
        hint = legacy.RUFF_HINT.format(file=path)
        use = f"use {instead}" if instead else "nothing replaces it"
        if instead.startswith("nothing"):
            use = f"leave it out{instead.removeprefix('nothing')}"
        diagnostics.add("DW104", origin, f"{used} is not in Airflow 3: {use}", hint)
    elif "Traceback" in message or places:
        needs = legacy.missing_provider(last)
        hint = f"pip install {needs}" if needs else "mend this line, or install what it needs where ductwork runs"
        diagnostics.add("DW103", origin, last, hint)
    else:
        diagnostics.add("DW108", origin, last, "mend the DAG; Airflow itself would not load it either")


def _snapshot_dag(dag: Any, path: str, bundle: Path, source_map: SourceMap, named: tuple[Asset, ...]) -> DagSnapshot:
    read, setups = xcoms.readers(dag.tasks), setups_above(dag.tasks)
    snapshots = (snapshot_operator(task, source_map.task(dag.dag_id, task.task_id)) for task in dag.tasks)
    tasks = tuple(
        replace(task, read_by=read.get(task.task_id, ()), setups=setups.get(task.task_id, ())) for task in snapshots
    )
    return DagSnapshot(
        dag_id=plain(dag.dag_id),
        origin=source_map.dag(dag.dag_id),
        dag_file=str(Path(path).resolve().relative_to(bundle)),
        bundle_path=str(bundle),
        tasks=tasks,
        groups={
            plain(group.group_id): mapping.length_of(group._expand_input)
            for group in (task.get_closest_mapped_task_group() for task in dag.tasks)
            if group is not None
        },
        task_groups={
            plain(group.group_id): TaskGroup(str(group.label), str(group.tooltip or ""))
            for task in dag.tasks
            for group in groups_around(task)
        },
        settings=_dag_settings(dag),
        assets=named,
        scheduled=dag.schedule is not None,
        title=plain(dag.description) or plain(dag.dag_display_name),
        tags=tuple(sorted(map(plain, dag.tags))),
        sns_topic=notices.topic(dag),
    )


def _bundle_path(path: str, folder: str | None) -> Path:
    """The DAGs folder if the file lies in it, else the folder the user named, else the file's own."""
    from airflow.configuration import conf

    resolved = Path(path).resolve()
    dags_folder = Path(conf.get("core", "dags_folder")).resolve()
    if resolved.is_relative_to(dags_folder):
        return dags_folder
    return Path(folder).resolve() if folder else resolved.parent


def _dag_settings(dag: Any) -> dict[str, Any]:
    from airflow.configuration import conf

    unset = {
        "max_active_runs": conf.getint("core", "max_active_runs_per_dag"),
        "max_active_tasks": conf.getint("core", "max_active_tasks_per_dag"),
    }
    reported = {fields.LIMITS, fields.REFUSED}
    names = [name for name, treatment in fields.DAG.items() if treatment in reported or name in fields.DAG_READ]
    values = {name: getattr(dag, name, None) for name in names}
    found = {name: plain(value) for name, value in values.items() if value and value != unset.get(name)}
    return found | ({DATA_INTERVAL: True} if _has_interval(dag) else {})


def _has_interval(dag: Any) -> bool:
    """Whether the DAG's timetable covers stretches of time, not moments."""
    interval = manual_interval(dag, datetime(2026, 1, 5, 6, 7, tzinfo=timezone.utc))
    return interval is not None and interval.start != interval.end


def _check_unique(dags: Sequence[DagSnapshot], diagnostics: Diagnostics) -> None:
    first: dict[str, Origin] = {}
    for dag in dags:
        if dag.dag_id in first:
            what = f"DAG id {dag.dag_id!r} is defined at {first[dag.dag_id]} already"
            diagnostics.add("DW106", dag.origin, what, "give one of them another id", dag_id=dag.dag_id)
        first.setdefault(dag.dag_id, dag.origin)
