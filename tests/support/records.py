"""Compare what became of a DAG in Airflow with what became of it here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# dag.test() never gives a mapped length, a hostname … to compare; these keys it does.
COMPARED = ("state", "try_number", "return_value")


def comparable(record: Mapping[str, Any]) -> dict[str, Any]:
    """One DAG's record in the form in which equal means equal."""
    tasks = {
        name: {key: numbers(task.get(key, "(none)")) for key in COMPARED} for name, task in record["tasks"].items()
    }
    return {"state": record["state"], "tasks": tasks}


def numbers(value: Any) -> Any:
    """SQLite keeps a top-level 1.0 as 1, so numbers are compared as numbers."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def differences(airflow: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """Both records as a table, the lines that differ marked; empty if they are equal."""
    left, right = comparable(airflow), comparable(ours)
    if left == right:
        return ""
    names = sorted(left["tasks"].keys() | right["tasks"].keys())
    rows = [("run", left["state"], f"{right['state']} {ours.get('error') or ''}")]
    rows += [(name, _cell(left["tasks"].get(name)), _cell(right["tasks"].get(name))) for name in names]
    lines = [f"{'' if a.strip() == b.strip() else '!!':3}{name:32} {a:45} {b}" for name, a, b in rows]
    errors = [f"   {name}: {task['error']}" for name, task in ours["tasks"].items() if task.get("error")]
    return "\n".join([f"   {'':32} {'Airflow':45} Ductwork", *lines, *errors])


def _cell(task: Mapping[str, Any] | None) -> str:
    if task is None:
        return "(no such task)"
    value = "" if task["return_value"] == "(none)" else f" -> {task['return_value']!r}"
    return f"{task['state']} {task['try_number']:g}{value}"
