"""DAG files compiled in this process, which pays for Airflow's import once."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ductwork.compiler import Artefact, Compiled, Options, compile_paths
from ductwork.diagnostics import Diagnostic

HEADER = """\
from datetime import datetime, timedelta
from airflow.sdk import DAG, TaskGroup, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.amazon.aws.operators.batch import BatchOperator
START = datetime(2026, 1, 1)
"""
HEADER_LINES = HEADER.count("\n")


def write_dag(folder: Path, body: str, *, name: str = "case.py", header: str = HEADER) -> Path:
    path = folder / name
    path.write_text(header + textwrap.dedent(body), encoding="utf-8")
    return path


def compile_files(
    *paths: Path | str,
    target: str = "stepfunctions",
    dag_id: str | None = None,
    engine: str = "states",
    unattended: bool = False,
    **deployment: Any,
) -> Compiled:
    return compile_paths(
        [str(path) for path in paths], Options(target, dag_id, deployment, engine=engine, unattended=unattended)
    )


def compile_text(folder: Path, body: str, **options: Any) -> Compiled:
    return compile_files(write_dag(folder, body), **options)


def only_artefact(compiled: Compiled) -> Artefact:
    assert [str(finding) for finding in compiled.diagnostics if finding.severity == "error"] == []
    (artefact,) = compiled.artefacts
    return artefact


def document(compiled: Compiled) -> dict[str, Any]:
    """The one artefact as a reader of its JSON sees it."""
    return json.loads(only_artefact(compiled).text())


def codes(findings: Iterable[Diagnostic]) -> list[str]:
    return [finding.code for finding in findings]
