"""Loading DAG files the way Airflow does, without a metadata database, and reporting what goes wrong as diagnostics."""

from __future__ import annotations

import os
import tokenize
import zipfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from ductwork.diagnostics import Diagnostics, Origin, guard
from ductwork.frontend import assets, clock, import_errors, reads
from ductwork.frontend.dags import snapshot_dag
from ductwork.frontend.folder import dag_files, report_package
from ductwork.frontend.plain import plain
from ductwork.frontend.processing import Processed, locate, run_file
from ductwork.frontend.source import SourceMap
from ductwork.ir.snapshot import DagSnapshot

if TYPE_CHECKING:
    from airflow.sdk import DAG


def load(paths: Sequence[str], diagnostics: Diagnostics) -> list[DagSnapshot]:
    """All DAGs of the files given, folders searched for Python files that look like DAG files.

    :param paths: as the user gave them; diagnostics name files the same way
    """
    dags: list[DagSnapshot] = []
    for path in paths:
        if os.path.isdir(path):
            dags.extend(_load_folder(path, diagnostics))
        elif os.path.isfile(path):
            dags.extend(load_file(path, diagnostics))
        else:
            what = f"there is no file {path!r}"
            diagnostics.add("DW101", Origin(path), what, "check the spelling and the working directory")
    _check_unique(dags, diagnostics)
    return dags


def _load_folder(folder: str, diagnostics: Diagnostics) -> list[DagSnapshot]:
    dags: list[DagSnapshot] = []
    reported = len(diagnostics)
    for file in dag_files(folder, diagnostics):
        dags.extend(load_file(file, diagnostics, folder=folder))
    if not dags and len(diagnostics) == reported:
        what = "Airflow sees no file in this folder that defines a DAG: none mentions both 'airflow' and 'dag', or "
        what += ".airflowignore leaves them out"
        diagnostics.add("DW109", Origin(folder), what, "name the file itself to load it all the same")
    return dags


def load_file(path: str, diagnostics: Diagnostics, *, folder: str | None = None) -> list[DagSnapshot]:
    """The DAGs of one file, which is read twice if it reads a clock (:mod:`ductwork.frontend.clock`).

    :param path: as the user gave it
    :param folder: the folder the user named; None if the user named this very file, so that it must define a DAG
    """
    if zipfile.is_zipfile(path):
        report_package(path, diagnostics)
        return []
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
    place = locate(path, folder)

    def dags_now(findings: Diagnostics) -> list[DagSnapshot]:
        return _load_dags(path, folder, source_map, findings)

    reported = len(diagnostics)
    with clock.watched(place) as clocks, reads.watched(place.bundle) as seen:
        dags = dags_now(diagnostics)
    seen.report(path, place, diagnostics)
    if not dags and len(diagnostics) == reported and folder is None:
        what = "the file loads but defines no DAG"
        hint = "bind the DAG to a module-level name, or call the function decorated with @dag"
        diagnostics.add("DW105", Origin(path), what, hint)
    with guard.reported(Origin(path), diagnostics, "while the file is loaded under another clock"):
        return clock.compared(dags, clocks, dags_now, path, place, diagnostics)
    return dags


def snapshot_loaded(dag: object, diagnostics: Diagnostics) -> list[DagSnapshot]:
    """A DAG that Airflow has loaded as plain data; none if an author's code has raised, which is reported.

    :param dag: an ``airflow.sdk.DAG``
    """
    path = str(getattr(dag, "fileloc", ""))
    try:
        with tokenize.open(path) as file:
            source_map = SourceMap(path, file.read())
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError) as error:
        diagnostics.add("DW101", Origin(path), f"the file cannot be read: {error}", "check its permissions")
        return []
    return list(_snapshots(Processed(locate(path), (cast("DAG", dag),), ()), source_map, diagnostics))


def _load_dags(path: str, folder: str | None, source_map: SourceMap, diagnostics: Diagnostics) -> list[DagSnapshot]:
    dags: list[DagSnapshot] = []
    with guard.reported(Origin(path), diagnostics, "while Airflow loads the file"):
        processed = run_file(path, folder)
        for failure in processed.failures:
            import_errors.report(path, processed.place, failure, source_map, diagnostics)
        _report_left_out(processed, source_map, diagnostics)
        dags.extend(_snapshots(processed, source_map, diagnostics))
    return dags


def _snapshots(processed: Processed, source_map: SourceMap, diagnostics: Diagnostics) -> Iterator[DagSnapshot]:
    named = assets.named_in(processed.dags)
    for dag in processed.dags:
        origin = source_map.dag(dag.dag_id)
        with guard.reported(origin, diagnostics, "while the DAG is read", dag_id=plain(dag.dag_id)):
            snapshot = snapshot_dag(dag, processed.place, source_map, assets.of_dag(dag, named), diagnostics)
            if snapshot is not None:
                yield snapshot


def _report_left_out(processed: Processed, source_map: SourceMap, diagnostics: Diagnostics) -> None:
    for dag_id in processed.left_out:
        what = "a cluster policy leaves this DAG out (AirflowClusterPolicySkipDag), so it is not compiled"
        hint = "change dag_policy or task_policy in airflow_local_settings.py, or in a plugin, if it is wanted"
        diagnostics.add("DW114", source_map.dag(dag_id), what, hint, dag_id=dag_id)


def _check_unique(dags: Sequence[DagSnapshot], diagnostics: Diagnostics) -> None:
    first: dict[str, Origin] = {}
    for dag in dags:
        if dag.dag_id in first:
            what = f"DAG id {dag.dag_id!r} is defined at {first[dag.dag_id]} already"
            diagnostics.add("DW106", dag.origin, what, "give one of them another id", dag_id=dag.dag_id)
        first.setdefault(dag.dag_id, dag.origin)
