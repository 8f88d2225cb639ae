"""What cannot be lowered, and how a part of a template is called in messages."""

from __future__ import annotations

from jinja2 import nodes


class CannotLowerError(ValueError):
    """A template or value that only Airflow can evaluate; the message says which part."""


class NotSaidError(Exception):
    """A part of a template that is not lowered.

    :param what: the part, if it is another than the one at hand
    """

    def __init__(self, what: str = "") -> None:
        super().__init__(what)
        self.what = what


def words(node: nodes.Node) -> str:
    """A node as the author wrote it, shortened."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return f"{words(node.node)}.{node.attr}"
    if isinstance(node, nodes.Getitem):
        return f"{words(node.node)}[{repr(node.arg.value) if isinstance(node.arg, nodes.Const) else '...'}]"
    if isinstance(node, nodes.Call):
        return f"{words(node.node)}()"
    if isinstance(node, nodes.Filter):
        return f"the filter {node.name}"
    if isinstance(node, nodes.Test):
        return f"the test {node.name}"
    if isinstance(node, nodes.Const):
        return repr(node.value)
    return "a calculation" if isinstance(node, nodes.Expr) else "a statement"
