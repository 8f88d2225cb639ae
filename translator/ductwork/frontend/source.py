"""Where in a DAG file its tasks are written, read from the syntax tree."""

from __future__ import annotations

import ast

from ductwork.diagnostics import Origin


class SourceMap:
    """Lines of one file.

    :param path: how the user named the file; origins repeat it
    """

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self._tasks: dict[str, int] = {}
        self._dags: dict[str, int] = {}
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                self._read_call(node)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.decorator_list:
                self._tasks.setdefault(node.name, node.lineno)
                self._dags.setdefault(node.name, node.lineno)

    def _read_call(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if not (isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)):
                continue
            if keyword.arg == "task_id":
                self._tasks[keyword.value.value] = node.lineno
            elif keyword.arg == "dag_id":
                self._dags[keyword.value.value] = node.lineno
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in {"DAG", "dag"} and node.args and isinstance(node.args[0], ast.Constant):
            self._dags[str(node.args[0].value)] = node.lineno

    def dag(self, dag_id: str) -> Origin:
        return Origin(self.path, self._dags.get(dag_id, 1))

    def task(self, dag_id: str, task_id: str) -> Origin:
        """The line of a task; of its DAG where the task's id is made at run time."""
        own = task_id.rsplit(".", 1)[-1]
        for name in (task_id, own, own.rsplit("__", 1)[0]):
            if name in self._tasks:
                return Origin(self.path, self._tasks[name])
        return self.dag(dag_id)
