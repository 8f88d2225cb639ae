"""Writing JSONata as Step Functions wants it: the one place that knows its quoting."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from ductwork.ir import Concat, PerInstance, RunValue, Text

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYWORDS = {"and", "or", "in", "true", "false", "null", "function"}

# Evaluation depth is limited to about 100, so longer texts are joined, not chained.
_CHAINED = 8

# The variable in which an iteration of a Map has its index.
INDEX = "$index"

# Values of the run, as the first state left them in the variable $run.
_RUN_VALUES = {
    "run_id": "$run.id",
    "run_hash": "$run.hash",
    "ds": "$substring($run.logical_date, 0, 10)",
    "ds_nodash": "$replace($substring($run.logical_date, 0, 10), '-', '')",
    "ts": "$run.logical_date",
    "map_index": f"$string({INDEX})",
    "ts_nodash": "$replace($replace($substring($run.logical_date, 0, 19), '-', ''), ':', '')",
}


class Marked(str):
    """An expression of ours, as opposed to a user's text that happens to look like one."""


def expression(code: str) -> Marked:
    """``code`` marked as an expression. Step Functions wants the marks at the very ends of the string."""
    return Marked("{% " + code + " %}")


def text(value: str) -> str:
    """A string literal. JSONata knows only JSON's escapes, so a text with an apostrophe takes double quotes."""
    quoted = json.dumps(value, ensure_ascii=False)
    return quoted if "'" in value else "'" + quoted[1:-1].replace('\\"', '"') + "'"


def texts(values: Iterable[str]) -> str:
    """An array of string literals."""
    return "[" + ", ".join(map(text, values)) + "]"


def name(field: str) -> str:
    """A field name in a path."""
    return field if _PLAIN_NAME.fullmatch(field) and field not in _KEYWORDS else f"`{field}`"


def inputs(fields: Iterable[str]) -> str:
    """An array of fields of the state's input."""
    return "[" + ", ".join(map(of_input, fields)) + "]"


def of_input(field: str) -> str:
    return f"$states.input.{name(field)}"


def code(value: Text | RunValue | Concat) -> str:
    """The expression, unmarked, of an IR expression."""
    if isinstance(value, Text):
        return text(value.value)
    if isinstance(value, RunValue):
        return _RUN_VALUES[value.name]
    if len(value.parts) <= _CHAINED:
        return " & ".join(map(code, value.parts))
    return "$join([" + ", ".join(map(code, value.parts)) + "])"


# Quoted text and quoted names, in which nothing is a variable, or a variable.
_TOKENS = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|\$\w+""")


def renamed(value: Any, variable: str, new: str) -> Any:
    """``value`` with a variable of its expressions under another name."""
    if isinstance(value, Marked):
        return Marked(_TOKENS.sub(lambda found: new if found[0] == variable else found[0], value))
    if isinstance(value, dict):
        return {key: renamed(inner, variable, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, variable, new) for inner in value]
    return value


def _literal(value: Any) -> str:
    """The code of plain data with IR expressions in it."""
    if isinstance(value, (Text, RunValue, Concat)):
        return code(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(key)}: {_literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return json.dumps(value)


def leaves(value: Any) -> Any:
    """``value`` with every IR expression in it written as a marked expression."""
    if isinstance(value, (Text, RunValue, Concat)):
        return expression(code(value))
    if isinstance(value, PerInstance):
        return expression(f"{_literal(list(value.values))}[{INDEX}]")
    if isinstance(value, str) and not isinstance(value, Marked) and value.startswith("{%") and value.endswith("%}"):
        return expression(text(value))
    if isinstance(value, dict):
        return {key: leaves(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [leaves(inner) for inner in value]
    return value
