"""How outcomes travel: the state data is an object of task id -> outcome, holding what later states still need.

Outcomes are Airflow's terminal task instance states. A state that ends a task adds its outcome; a Parallel gives each
branch the outcomes it reads and takes from it the outcomes that are read later, so the data stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ductwork.backends.stepfunctions import jsonata

# From this many outcomes on, passing the whole input along is shorter than naming them one by one.
_NAMED_ONE_BY_ONE = 4


def carry(kept: Sequence[str], own: dict[str, Any], *, exactly: bool) -> Any:
    """The Output of a state: the outcomes in ``kept`` from its input, and ``own``.

    :param own: task id -> value (a literal or a marked expression)
    :param exactly: nothing else may pass (at the end of a branch); else the whole input may
    """
    if exactly or len(kept) <= _NAMED_ONE_BY_ONE:
        return {task: jsonata.expression(jsonata.of_input(task)) for task in kept} | own
    return jsonata.expression(f"$merge([$states.input, {_object(own)}])")


def collect(kept: Sequence[str], *, exactly: bool) -> str:
    """The Output of a Parallel: the outcomes its branches hand back, and those in ``kept`` from its input."""
    if not kept:
        return jsonata.expression("$merge($states.result)")
    if exactly or len(kept) <= _NAMED_ONE_BY_ONE:
        own = _object({task: jsonata.expression(jsonata.of_input(task)) for task in kept})
        return jsonata.expression(f"$merge($append([{own}], $states.result))")
    return jsonata.expression("$merge($append([$states.input], $states.result))")


def _object(values: dict[str, Any]) -> str:
    pairs = (f"{jsonata.text(key)}: {_unmarked(value)}" for key, value in values.items())
    return "{" + ", ".join(pairs) + "}"


def _unmarked(value: Any) -> str:
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, str) and value.startswith("{%"):
        return value[2:-2].strip()
    return jsonata.text(value) if isinstance(value, str) else str(value)


def failed_above(upstream: Sequence[str]) -> str:
    """Condition: at least one of these tasks failed, or could not run because one above it failed."""
    if len(upstream) == 1:
        return f"{jsonata.of_input(upstream[0])} in ['failed', 'upstream_failed']"
    outcomes = _outcomes(upstream)
    return f"'failed' in {outcomes} or 'upstream_failed' in {outcomes}"


def skipped_above(upstream: Sequence[str]) -> str:
    if len(upstream) == 1:
        return f"{jsonata.of_input(upstream[0])} = 'skipped'"
    return f"'skipped' in {_outcomes(upstream)}"


def decision(upstream: Sequence[str]) -> str:
    """Expression: the outcome of a task that has nothing to run, by the rule all_success."""
    failed, skipped = failed_above(upstream), skipped_above(upstream)
    return f"{failed} ? 'upstream_failed' : {skipped} ? 'skipped' : 'success'"


def _outcomes(upstream: Sequence[str]) -> str:
    return jsonata.inputs(upstream)
