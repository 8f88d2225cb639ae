"""What took the place of Airflow 1's and 2's helpers that have no namesake in Airflow 3."""

from __future__ import annotations

import libcst as cst

from ductwork.airflow2 import Place

# Airflow 2.2's deprecation of days_ago names pendulum.today in its place, which gives the same midnight.
DAYS_AGO = Place("airflow.utils.dates", "days_ago")
_PARTS = {"hour": "hours", "minute": "minutes", "second": "seconds", "microsecond": "microseconds"}
# Since Airflow 2.0 the metaclass of BaseOperator does what the decorator did (its UPDATING.md).
APPLY_DEFAULTS = {Place("airflow.utils.decorators", "apply_defaults"), Place("airflow.utils", "apply_defaults")}


def days_ago(call: cst.Call) -> cst.BaseExpression | None:
    """``pendulum.today("UTC").add(days=-2)`` for ``days_ago(2)``; None if the call is written in another way."""
    arguments: list[str] = []
    for number, argument in enumerate(call.args):
        name = argument.keyword.value if argument.keyword else ("n", *_PARTS)[number] if number <= 4 else ""
        if argument.star or name not in {"n", *_PARTS}:
            return None
        code = cst.Module([]).code_for_node(argument.value)
        if name == "n":
            arguments += [] if code == "0" else [f"days={_negative(argument.value, code)}"]
        else:
            arguments.append(f"{_PARTS[name]}={code}")
    today = 'pendulum.today("UTC")'
    return cst.parse_expression(f"{today}.add({', '.join(arguments)})" if arguments else today)


def _negative(node: cst.BaseExpression, code: str) -> str:
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        return cst.Module([]).code_for_node(node.expression)
    return f"-{code}" if isinstance(node, (cst.Integer, cst.Name, cst.Call)) else f"-({code})"
