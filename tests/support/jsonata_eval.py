"""JSONata as Step Functions evaluates it, as far as our machines use it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from jsonata import Jsonata


def _hash(text: str, algorithm: str) -> str:
    return hashlib.new(algorithm.replace("-", "").lower(), text.encode()).hexdigest()


def evaluate(code: str, bindings: Mapping[str, Any]) -> Any:
    """The value of an unmarked expression; ``bindings`` are variables without their ``$``."""
    return Jsonata(code).evaluate(None, {"hash": Jsonata.JLambda(_hash), **bindings})


def evaluate_leaves(value: Any, bindings: Mapping[str, Any]) -> Any:
    """A JSON value with every marked string replaced by what it evaluates to."""
    if isinstance(value, str) and value.startswith("{%") and value.endswith("%}"):
        return evaluate(value[2:-2], bindings)
    if isinstance(value, dict):
        return {key: evaluate_leaves(inner, bindings) for key, inner in value.items()}
    if isinstance(value, list):
        return [evaluate_leaves(inner, bindings) for inner in value]
    return value
