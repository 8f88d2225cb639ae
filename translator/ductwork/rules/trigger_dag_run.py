"""TriggerDagRunOperator: Airflow's own in a worker, which starts an execution of the other DAG's state machine."""

from __future__ import annotations

from ductwork.diagnostics import Diagnostics
from ductwork.diagnostics.sources import STANDARD_PROVIDER
from ductwork.ir import ANY_DAG, Work, Worker
from ductwork.ir.snapshot import TaskSnapshot
from ductwork.rules.base import Decline, Rule
from ductwork.templates import CannotLowerError, lower_template

_OPERATOR = "airflow.providers.standard.operators.trigger_dagrun.TriggerDagRunOperator"


def _lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work | Decline:
    dag_id = _other(task.arguments.get("trigger_dag_id"))
    what = "a DAG" if dag_id == ANY_DAG else dag_id
    return Worker(f"Airflow's operator starts a run of {what}, an execution of its state machine", starts=(dag_id,))


def _other(given: object) -> str:
    """The DAG's id; any, where that depends on the run."""
    try:
        lowered = lower_template(given) if isinstance(given, str) else None
    except CannotLowerError:
        return ANY_DAG
    return lowered if isinstance(lowered, str) and lowered else ANY_DAG


RULE = Rule(
    name="trigger_dag_run",
    operators=(_OPERATOR,),
    lower=_lower,
    subclasses=True,
    starts_runs=True,
    source=f"{STANDARD_PROVIDER}/operators/trigger_dag_run.html",
)
