"""Python callables and shell commands: they need Airflow's code around them, so they run in a worker.

Every operator without a rule does too; this rule only says it in words that fit.
"""

from __future__ import annotations

from ductwork.diagnostics import Diagnostics
from ductwork.diagnostics.sources import STANDARD_PROVIDER
from ductwork.ir import Work, Worker
from ductwork.ir.snapshot import TaskSnapshot
from ductwork.rules.base import Decline, Rule


def _lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work | Decline:
    return Worker("user code: it runs in a container, under Airflow's own task runner")


RULE = Rule(
    name="worker",
    operators=(
        "airflow.providers.standard.operators.bash.BashOperator",
        "airflow.providers.standard.operators.python.PythonOperator",
        "airflow.providers.standard.decorators.bash._BashDecoratedOperator",
        "airflow.providers.standard.decorators.python._PythonDecoratedOperator",
    ),
    lower=_lower,
    source=f"{STANDARD_PROVIDER}/operators/index.html",
)
