"""Jinja templates to :class:`ductwork.ir.Expr`.

A strict walk over jinja2's own syntax tree: a node that is not listed here means that the template cannot be lowered,
never a guess. The task then runs in a worker, where Airflow renders the template itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import jinja2
from jinja2 import nodes

from ductwork.ir import Concat, Expr, RunValue, Text
from ductwork.ir.snapshot import Opaque

# What a template may name, and the run's value that it is.
_NAMES = {"run_id": "run_id", "ds": "ds", "ds_nodash": "ds_nodash", "ts": "ts", "ts_nodash": "ts_nodash"}
_ATTRIBUTES = {("dag_run", "run_id"): "run_id"}

_environment = jinja2.Environment(keep_trailing_newline=False)


class CannotLowerError(ValueError):
    """A template or value that only Airflow can evaluate; the message says which part."""


def lower_value(value: object) -> object:
    """A template field's value with every string that holds a template replaced by its expression."""
    if isinstance(value, str):
        return lower_template(value)
    if isinstance(value, Mapping):
        return {key: lower_value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [lower_value(inner) for inner in value]
    if isinstance(value, Opaque):
        raise CannotLowerError(f"it holds an object that only exists while Airflow runs ({value.type_name})")
    return value


def lower_template(source: str) -> Expr | str:
    """The expression of one template; plain text stays a string.

    :raises CannotLowerError: it uses something that only Airflow can evaluate
    """
    # Plain text too: Jinja drops a newline at the end and makes all line ends "\n".
    try:
        body = _environment.parse(source).body
    except jinja2.TemplateSyntaxError as error:
        raise CannotLowerError(f"the template {source!r} does not parse ({error.message})") from error
    parts: list[Text | RunValue] = []
    for output in body:
        if not isinstance(output, nodes.Output):
            raise _unknown(output, source)
        parts.extend(_lower_node(node, source) for node in output.nodes)
    if all(isinstance(part, Text) for part in parts):
        return "".join(part.value for part in parts if isinstance(part, Text))
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))


def escaped(text: str) -> str:
    """A template that renders to ``text``: for text of other people, which must not be taken for a template.

    The inverse of :func:`lower_template`, and of Airflow's rendering.
    """
    # Jinja drops a newline at the end and makes all line ends "\n".
    if not any(mark in text for mark in ("{{", "{%", "{#", "\r")) and not text.endswith("\n"):
        return text
    # A string of JSON is one of Jinja too, for Jinja reads its escapes as Python does.
    return "{{ " + json.dumps(text, ensure_ascii=False) + " }}"


def _lower_node(node: nodes.Node, source: str) -> Text | RunValue:
    if isinstance(node, nodes.TemplateData):
        return Text(node.data)
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return Text(node.value)
    if isinstance(node, nodes.Name) and node.name in _NAMES:
        return RunValue(_NAMES[node.name])
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        name = _ATTRIBUTES.get((node.node.name, node.attr))
        if name is not None:
            return RunValue(name)
    raise _unknown(node, source)


def _unknown(node: nodes.Node, source: str) -> CannotLowerError:
    return CannotLowerError(f"the template {source!r} uses {_words(node)}, which only Airflow can evaluate")


def _words(node: nodes.Node) -> str:
    """A node as the author wrote it, shortened."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return f"{_words(node.node)}.{node.attr}"
    if isinstance(node, nodes.Getitem):
        return f"{_words(node.node)}[{repr(node.arg.value) if isinstance(node.arg, nodes.Const) else '...'}]"
    if isinstance(node, nodes.Call):
        return f"{_words(node.node)}()"
    if isinstance(node, nodes.Filter):
        return f"the filter {node.name}"
    if isinstance(node, nodes.Const):
        return repr(node.value)
    return "a calculation" if isinstance(node, nodes.Expr) else "a statement"
