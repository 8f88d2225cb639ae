"""Keys of the context: in templates, in what tasks are called with, and in parameters of their functions.

What is not surely the context is left, and reported: a function's parameter is one only if the function is a task.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import libcst as cst
from libcst.helpers import get_full_name_for_node

from ductwork.airflow2 import context_keys
from ductwork.upgrading.variables import TellsVariables

_CONTEXTS = {"context", "kwargs", "ctx", "_context", "ti_context"}
_BRACES = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_LITERAL = r"""'[^']*'|"[^"]*\""""
_OLD = "|".join([*context_keys.IN_TEMPLATES, *context_keys.WITHOUT_SUCCESSOR])
# Not an attribute or an item of something else, not a keyword; run and task instance have attributes of that name.
_KEY = re.compile(
    rf"(?P<literal>{_LITERAL})|(?P<run>\b(?:dag_run|ti|task_instance)\.execution_date\b)"
    rf"|(?<![\w.])(?P<key>{_OLD})\b(?!\s*=[^=])"
)
_INSTANCES = {"ti", "task_instance"}


def change_context(tree: cst.Module) -> tuple[cst.Module, list[str]]:
    """One file with its uses of the context changed, and the names of those that no rule can change."""
    tasks = _Tasks()
    tree.visit(tasks)
    changes = _Changes(tasks)
    return tree.visit(changes), changes.left


class _Changes(TellsVariables, cst.CSTTransformer):
    def __init__(self, tasks: _Tasks) -> None:
        super().__init__()
        self.left: list[str] = []
        self._tasks = tasks.callables
        self._called = tasks.called
        self._given = tasks.given
        self._contexts: list[set[str]] = []
        self._renamed: list[set[str]] = []

    # Templates

    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.SimpleString:
        if "b" in updated_node.prefix.lower() or "{" not in updated_node.value:
            return updated_node
        return updated_node.with_changes(value=self._template(updated_node.value))

    def leave_FormattedStringText(
        self, original_node: cst.FormattedStringText, updated_node: cst.FormattedStringText
    ) -> cst.FormattedStringText:
        """In an f-string each brace of a template is written twice."""
        if "{{{{" not in updated_node.value:
            return updated_node
        return updated_node.with_changes(value=self._template(updated_node.value))

    def _template(self, text: str) -> str:
        return _BRACES.sub(lambda part: _KEY.sub(lambda key: self._expression(key, part[0]), part[0]), text)

    def _expression(self, match: re.Match[str], around: str) -> str:
        if match["literal"]:
            return match[0]
        if match["run"]:
            return "dag_run.logical_date" if match[0].startswith("dag_run") else "logical_date"
        new = context_keys.IN_TEMPLATES.get(match["key"])
        if new is None:
            self.left.append(match["key"])
            return match[0]
        alone = around.strip("{}-+ \t\n") == match["key"]
        return new if alone or " " not in new else f"({new})"

    # Functions

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        spread = node.params.star_kwarg
        named = {each.name.value for each in (*node.params.params, *node.params.kwonly_params)}
        contexts = {*_CONTEXTS} & named | ({spread.name.value} if isinstance(spread, cst.Param) else set())
        self._contexts.append(set() if node.name.value in self._called else contexts)
        is_task = node.name.value in self._tasks or any(_is_task(each) for each in node.decorators)
        old = {*context_keys.IN_TEMPLATES, *context_keys.WITHOUT_SUCCESSOR} & named - self._given if is_task else set()
        renamed = {each for each in old if each in context_keys.SAME and node.name.value not in self._called}
        self.left += sorted(old - renamed)
        self._renamed.append(renamed)

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        self._contexts.pop()
        self._renamed.pop()
        return updated_node

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        if not self.at_variable or not any(original_node.value in each for each in self._renamed):
            return updated_node
        return updated_node.with_changes(value=context_keys.SAME[original_node.value])

    # The context in Python

    def leave_Subscript(self, original_node: cst.Subscript, updated_node: cst.Subscript) -> cst.BaseExpression:
        key = _key(original_node)
        if key is None or key in self._given or not self._is_context(original_node.value):
            return updated_node
        if key in context_keys.SAME:
            return self._with_key(updated_node, context_keys.SAME[key])
        if key in context_keys.IN_PYTHON:
            context = cst.Module([]).code_for_node(updated_node.value)
            return cst.parse_expression(context_keys.IN_PYTHON[key].format(context))
        if key in context_keys.WITHOUT_SUCCESSOR:
            self.left.append(key)
        return updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """``context.get("execution_date")``."""
        func = original_node.func
        if not isinstance(func, cst.Attribute) or func.attr.value not in {"get", "pop"} or not original_node.args:
            return updated_node
        first = updated_node.args[0]
        key = first.value.evaluated_value if isinstance(first.value, cst.SimpleString) else None
        if not self._is_context(func.value) or not isinstance(key, str) or key in self._given:
            return updated_node
        if new := context_keys.SAME.get(key):
            assert isinstance(first.value, cst.SimpleString)
            value = cst.SimpleString(f"{first.value.quote}{new}{first.value.quote}")
            return updated_node.with_changes(args=[first.with_changes(value=value), *updated_node.args[1:]])
        if key in context_keys.IN_PYTHON or key in context_keys.WITHOUT_SUCCESSOR:
            self.left.append(key)
        return updated_node

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        """``dag_run.execution_date``, ``context["ti"].execution_date``."""
        owner = original_node.value
        if original_node.attr.value != "execution_date":
            return updated_node
        if get_full_name_for_node(owner) == "dag_run" and isinstance(owner, cst.Name):
            return updated_node.with_changes(attr=cst.Name("logical_date"))
        if isinstance(owner, cst.Subscript) and self._is_context(owner.value):
            if _key(owner) == "dag_run":
                return updated_node.with_changes(attr=cst.Name("logical_date"))
            if _key(owner) in _INSTANCES and isinstance(updated_node.value, cst.Subscript):
                return self._with_key(updated_node.value, "logical_date")
        if isinstance(owner, cst.Name) and owner.value in {*_INSTANCES, "self"} and owner.value != "self":
            self.left.append(f"{owner.value}.execution_date")
        return updated_node

    def _is_context(self, node: cst.BaseExpression) -> bool:
        if isinstance(node, cst.Call):
            return get_full_name_for_node(node.func) == "get_current_context"
        return isinstance(node, cst.Name) and any(node.value in each for each in self._contexts)

    @staticmethod
    def _with_key(node: cst.Subscript, key: str) -> cst.Subscript:
        index = node.slice[0].slice
        assert isinstance(index, cst.Index)
        assert isinstance(index.value, cst.SimpleString)
        quote = index.value.quote
        value = index.with_changes(value=cst.SimpleString(f"{quote}{key}{quote}"))
        return node.with_changes(slice=[node.slice[0].with_changes(slice=value)])


class _Tasks(cst.CSTVisitor):
    """Which functions of a file are tasks because they are given to an operator, and what is called by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.callables: set[str] = set()
        self.given: set[str] = set()  # keys that op_kwargs give, whatever the context has
        self.called: set[str] = set()

    def visit_Call(self, node: cst.Call) -> None:
        for argument in node.args:
            keyword = argument.keyword.value if argument.keyword else ""
            if keyword.endswith(("_callable", "_callback")) and isinstance(argument.value, cst.Name):
                self.callables.add(argument.value.value)
            if keyword == "op_kwargs":
                self.given.update(_keys(argument.value))
            if keyword in context_keys.IN_TEMPLATES and isinstance(node.func, cst.Name):
                self.called.add(node.func.value)


def _keys(value: cst.BaseExpression) -> Iterator[str]:
    if isinstance(value, cst.Dict):
        names = (each.key for each in value.elements if isinstance(each, cst.DictElement))
        yield from (str(each.evaluated_value) for each in names if isinstance(each, cst.SimpleString))
    elif isinstance(value, cst.Call):
        yield from (each.keyword.value for each in value.args if each.keyword)


def _is_task(decorator: cst.Decorator) -> bool:
    node = decorator.decorator.func if isinstance(decorator.decorator, cst.Call) else decorator.decorator
    name = get_full_name_for_node(node) or ""
    return name == "task" or name.startswith("task.")


def _key(node: cst.Subscript) -> str | None:
    if len(node.slice) != 1 or not isinstance(index := node.slice[0].slice, cst.Index):
        return None
    value = index.value.evaluated_value if isinstance(index.value, cst.SimpleString) else None
    return value if isinstance(value, str) else None
