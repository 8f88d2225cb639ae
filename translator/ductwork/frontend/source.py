"""Where in a DAG file its tasks are written, read from the syntax tree."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from ductwork.diagnostics import Origin


@dataclass
class _Lines:
    """Lines of one kind of ids.

    :param written: by id
    :param made: ids made at run time: what they look like, how many characters of that are certain, the line
    """

    written: dict[str, int] = field(default_factory=dict)
    made: list[tuple[re.Pattern[str], int, int]] = field(default_factory=list)

    def note(self, value: ast.expr, line: int) -> None:
        if isinstance(value, ast.Constant):
            self.written[str(value.value)] = line
            return
        parts = value.values if isinstance(value, ast.JoinedStr) else [value]
        known = [str(part.value) if isinstance(part, ast.Constant) else "" for part in parts]
        pattern = re.compile("".join(re.escape(text) if text else ".*" for text in known))
        self.made.append((pattern, sum(map(len, known)), line))

    def find(self, *names: str) -> int | None:
        """The line that has one of the names; None if none has, or several may have."""
        for name in names:
            if name in self.written:
                return self.written[name]
        fitting = [(sure, line) for pattern, sure, line in self.made if any(map(pattern.fullmatch, names))]
        best = {line for sure, line in fitting if sure == max(fitting)[0]}
        return best.pop() if len(best) == 1 else None


class SourceMap:
    """Lines of one file.

    :param path: how the user named the file; origins repeat it
    """

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self._tasks, self._dags = _Lines(), _Lines()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                self._read_call(node)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.decorator_list:
                self._tasks.written.setdefault(node.name, node.lineno)
                self._dags.written.setdefault(node.name, node.lineno)

    def _read_call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        makes_dag = name in {"DAG", "dag"}
        for keyword in node.keywords:
            written = isinstance(keyword.value, ast.Constant)
            # A constructor hands on an id that somebody else has made.
            if keyword.arg == "task_id" and (written or name != "__init__"):
                self._tasks.note(keyword.value, node.lineno)
            elif keyword.arg == "dag_id" and (written or makes_dag):
                self._dags.note(keyword.value, node.lineno)
        if makes_dag and node.args:
            self._dags.note(node.args[0], node.lineno)

    def dag(self, dag_id: str) -> Origin:
        return Origin(self.path, self._dags.find(dag_id) or 1)

    def task(self, dag_id: str, task_id: str) -> Origin:
        """The line of a task; of its DAG where the task's id is made at run time and several lines may have made it."""
        own = task_id.rsplit(".", 1)[-1]
        line = self._tasks.find(task_id, own, own.rsplit("__", 1)[0])
        return self.dag(dag_id) if line is None else Origin(self.path, line)
