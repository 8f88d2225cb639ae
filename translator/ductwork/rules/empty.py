"""EmptyOperator: nothing to run."""

from __future__ import annotations

from ductwork.diagnostics import Diagnostics
from ductwork.diagnostics.sources import STANDARD_PROVIDER
from ductwork.ir import NoOp, Work
from ductwork.ir.snapshot import TaskSnapshot
from ductwork.rules.base import Decline, Rule


def _lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work | Decline:
    if not task.is_empty:
        return Decline("an EmptyOperator with callbacks, inlets or outlets has something to run")
    return NoOp("an EmptyOperator runs nothing: Airflow marks it successful without a worker")


RULE = Rule(
    name="empty",
    operators=("airflow.providers.standard.operators.empty.EmptyOperator",),
    # Airflow never calls execute() of a subclass either.
    subclasses=True,
    lower=_lower,
    source=f"{STANDARD_PROVIDER}/_api/airflow/providers/standard/operators/empty/index.html",
)
