"""The local engine's JSONata for tests that evaluate parts of a machine by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ductwork_airflow.embedded_aws.jsonata import engine


def evaluate(code: str, bindings: Mapping[str, Any]) -> Any:
    """The value of an unmarked expression, None if it gives nothing; ``bindings`` are variables without their ``$``."""
    try:
        return engine.evaluate(code, bindings)
    except engine.NothingError:
        return None


def evaluate_leaves(value: Any, bindings: Mapping[str, Any]) -> Any:
    """A JSON value with every marked string replaced by what it evaluates to."""
    if isinstance(value, str) and value.startswith("{%") and value.endswith("%}"):
        return evaluate(value[2:-2], bindings)
    if isinstance(value, dict):
        return {key: evaluate_leaves(inner, bindings) for key, inner in value.items()}
    if isinstance(value, list):
        return [evaluate_leaves(inner, bindings) for inner in value]
    return value
