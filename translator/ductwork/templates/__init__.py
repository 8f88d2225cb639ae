"""Jinja templates to :class:`ductwork.ir.Expr`.

A strict walk over jinja2's own syntax tree: a node that is not listed here means that the template cannot be lowered,
never a guess. The task then runs in a worker, where Airflow renders the template itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import jinja2
from jinja2 import nodes

from ductwork.ir.expressions import Expr, Text, inside, levels
from ductwork.ir.snapshot import Opaque
from ductwork.ir.templating import Templating
from ductwork.templates.errors import CannotLowerError, NotSaidError
from ductwork.templates.statements import Statements
from ductwork.templates.visitor import ENVIRONMENT

__all__ = ["CannotLowerError", "escaped", "lower_template", "lower_value"]

# An expression of a state is evaluated within a second.
_MOST_NODES = 2_000
# Of these some become four levels in JSONata, and AWS takes no definition that is nested much deeper than 100.
_MOST_LEVELS = 20


def lower_value(value: object, known: Templating | None = None) -> object:
    """A template field's value with every string that holds a template replaced by its expression.

    :param known: what is known of the task; without it, what all tasks of a run see alike
    """
    if isinstance(value, str):
        return lower_template(value, known)
    if isinstance(value, Mapping):
        return {key: lower_value(inner, known) for key, inner in value.items()}
    if isinstance(value, list):
        return [lower_value(inner, known) for inner in value]
    if isinstance(value, Opaque):
        raise CannotLowerError(f"it holds an object that only exists while Airflow runs ({value.type_name})")
    return value


def lower_template(source: str, known: Templating | None = None) -> Expr | str:
    """The expression of one template; plain text stays a string.

    :param known: what is known of the task; without it, what all tasks of a run see alike
    :raises CannotLowerError: it uses something that only Airflow can evaluate
    """
    # Plain text too: Jinja drops a newline at the end and makes all line ends "\n".
    try:
        parsed = ENVIRONMENT.parse(source)
    except jinja2.TemplateSyntaxError as error:
        raise CannotLowerError(f"the template {source!r} does not parse ({error.message})") from error
    try:
        _check(parsed, known)
        lowered = Statements(known).text(parsed.body)
        size, depth = sum(1 for _ in inside(lowered)), levels(lowered)
    except RecursionError as error:
        raise CannotLowerError(f"the template {source[:60]!r}... is nested too deeply") from error
    except NotSaidError as error:
        message = f"the template {source!r} uses {error.what}, which only Airflow can evaluate"
        raise CannotLowerError(message) from error
    if size > _MOST_NODES:
        raise CannotLowerError(f"the template {source[:60]!r}... is longer than a state machine evaluates")
    if depth > _MOST_LEVELS:
        raise CannotLowerError(f"the template {source[:60]!r}... is nested too deeply for a state machine")
    return lowered.value if isinstance(lowered, Text) else lowered


def _check(parsed: nodes.Template, known: Templating | None) -> None:
    """Refuse what a DAG renders in its own way: its filters take the place of Jinja's of the same names."""
    if known is None:
        return
    for node in parsed.find_all(nodes.Filter):
        if node.name in known.filters:
            raise NotSaidError(f"the DAG's own filter {node.name}")
    if known.own_undefined and (parsed.find(nodes.Getattr) or parsed.find(nodes.Getitem)):
        raise NotSaidError("the DAG's template_undefined")


def escaped(text: str) -> str:
    """A template that renders to ``text``: for text of other people, which must not be taken for a template.

    The inverse of :func:`lower_template`, and of Airflow's rendering.
    """
    # Jinja drops a newline at the end and makes all line ends "\n".
    if not any(mark in text for mark in ("{{", "{%", "{#", "\r")) and not text.endswith("\n"):
        return text
    # A string of JSON is one of Jinja too, for Jinja reads its escapes as Python does.
    return "{{ " + json.dumps(text, ensure_ascii=False) + " }}"
