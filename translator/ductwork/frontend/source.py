"""Where in a DAG file its DAGs and tasks are written, read from the syntax tree."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ductwork.diagnostics import Origin

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Fit = tuple[int, bool, int]
_UNFIT: _Fit = (-1, False, 0)
# Of what may be anything.
_OPEN: _Fit = (0, False, 0)


@dataclass(frozen=True)
class _Id:
    """An id as it is written, which an f-string or a variable makes at run time.

    :param written: the text if all of it is written, else a pattern of what may come of it
    :param sure: whether all of it is written, and how many characters are
    """

    written: str | re.Pattern[str]
    sure: tuple[bool, int]

    @classmethod
    def of(cls, value: ast.expr | str) -> _Id:
        if isinstance(value, (str, ast.Constant)):
            text = str(value.value if isinstance(value, ast.Constant) else value)
            return cls(text, (True, len(text)))
        parts = value.values if isinstance(value, ast.JoinedStr) else [value]
        texts = [str(part.value) if isinstance(part, ast.Constant) else "" for part in parts]
        pattern = re.compile("".join(re.escape(text) if text else ".*" for text in texts), re.S)
        return cls(pattern, (False, sum(map(len, texts))))

    def fit(self, *names: str) -> _Fit:
        """How well it fits one of the names: the more, the better."""
        fits = self.written in names if isinstance(self.written, str) else any(map(self.written.fullmatch, names))
        return (1, *self.sure) if fits else _UNFIT


@dataclass(frozen=True)
class _Context:
    """What is around a line: a DAG, or the name that it has, and task groups, the outermost first."""

    dag: _Id | str | None = None
    groups: tuple[_Id, ...] = ()


@dataclass(frozen=True)
class _Made:
    """A place that makes a DAG or a task."""

    id: _Id
    line: int
    context: _Context = _Context()


@dataclass
class SourceMap:
    """Lines of one file.

    :param path: how the user named the file; origins repeat it
    """

    path: str
    source: str
    _dags: list[_Made] = field(default_factory=list, init=False)
    _tasks: list[_Made] = field(default_factory=list, init=False)
    # The same, once all is read: those whose ids are written, by id, and the others. A file may have thousands.
    _tasks_by_id: dict[str, list[_Made]] = field(default_factory=dict, init=False)
    _other_tasks: list[_Made] = field(default_factory=list, init=False)
    # By name: where something is bound to it, and the DAG if it is one.
    _bound: dict[str, list[tuple[int, _Id | None]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        # No recursion: a chain of a thousand operators is a tree as deep.
        waiting: list[tuple[ast.AST, _Context]] = [(ast.parse(self.source), _Context())]
        while waiting:
            node, context = waiting.pop()
            waiting.extend(self._read(node, context))
        for place in map(self._resolved, self._tasks):
            written = place.id.written
            alike = self._tasks_by_id.setdefault(written, []) if isinstance(written, str) else self._other_tasks
            alike.append(place)

    def _read(self, node: ast.AST, context: _Context) -> Iterable[tuple[ast.AST, _Context]]:
        """What is within a node, and in which context."""
        inner = context
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                inner = self._entered(item, inner)
        elif isinstance(node, _Function):
            inner = self._decorated(node, context)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                self._bind(target, node.value)
        elif isinstance(node, ast.Call):
            self._call(node, context)
        body = getattr(node, "body", ())
        within = set(map(id, body)) if isinstance(body, list) else set()
        return [(child, inner if id(child) in within else context) for child in ast.iter_child_nodes(node)]

    def _entered(self, item: ast.withitem, context: _Context) -> _Context:
        call = item.context_expr
        if item.optional_vars is not None:
            self._bind(item.optional_vars, call)
        if isinstance(call, ast.Name):
            return replace(context, dag=call.id)
        if isinstance(call, ast.Call):
            if (dag_id := _dag_id(call)) is not None:
                return replace(context, dag=_Id.of(dag_id))
            if _name(call.func) == "TaskGroup" and (group := _argument(call, "group_id")) is not None:
                return replace(context, groups=(*context.groups, _Id.of(group)))
        return context

    def _decorated(self, node: _Function, context: _Context) -> _Context:
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            name = _name(call.func if call else decorator)
            if name == "dag":
                written = (_argument(call, "dag_id") if call else None) or node.name
                context = replace(context, dag=_Id.of(written))
            elif name == "task_group":
                written = (_argument(call, "group_id") if call else None) or node.name
                context = replace(context, groups=(*context.groups, _Id.of(written)))
        if node.decorator_list:
            self._tasks.append(_Made(_Id.of(node.name), node.lineno, context))
            self._dags.append(_Made(_Id.of(node.name), node.lineno))
        return context

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            dag_id = _dag_id(value) if isinstance(value, ast.Call) else None
            self._bound.setdefault(target.id, []).append((target.lineno, None if dag_id is None else _Id.of(dag_id)))

    def _call(self, node: ast.Call, context: _Context) -> None:
        if (dag_id := _dag_id(node)) is not None:
            self._dags.append(_Made(_Id.of(dag_id), node.lineno))
        for keyword in node.keywords:
            if keyword.arg == "dag" and isinstance(keyword.value, ast.Name):
                context = replace(context, dag=keyword.value.id)
        written = _keyword(node, "task_id")
        # A constructor passes on an id that another call has made.
        if written is not None and (isinstance(written, ast.Constant) or _name(node.func) != "__init__"):
            self._tasks.append(_Made(_Id.of(written), node.lineno, context))

    def _resolved(self, place: _Made) -> _Made:
        if not isinstance(place.context.dag, str):
            return place
        before = [bound for bound in self._bound.get(place.context.dag, ()) if bound[0] <= place.line]
        dag = max(before, key=lambda bound: bound[0])[1] if before else None
        return replace(place, context=replace(place.context, dag=dag))

    def dag(self, dag_id: str) -> Origin:
        """The line that makes a DAG; the first of the file where no line says so."""
        rated = ((place.id.fit(dag_id), place.line) for place in self._dags)
        return Origin(self.path, _best([each for each in rated if each[0] > _UNFIT]) or 1)

    def task(self, dag_id: str, task_id: str) -> Origin:
        """The line of a task; of its DAG where several lines may have made it."""
        *groups, name = task_id.split(".")
        names = {task_id, name, name.rsplit("__", 1)[0]}
        places = itertools.chain(*(self._tasks_by_id.get(each, ()) for each in names), self._other_tasks)
        rated = ((place.id.fit(*names), place) for place in places)
        fitting = [
            ((*_around(place.context, dag_id, groups), own_fit), place) for own_fit, place in rated if own_fit > _UNFIT
        ]
        line = _best([(fit, place.line) for fit, place in fitting])
        return self.dag(dag_id) if line is None else Origin(self.path, line)


def _around(context: _Context, dag_id: str, groups: list[str]) -> tuple[_Fit, _Fit, int]:
    """How well a context fits. One of another DAG or group may still be right, since functions are called anywhere."""
    dag = context.dag.fit(dag_id) if isinstance(context.dag, _Id) else _OPEN
    pairs = zip(context.groups[::-1], groups[::-1], strict=False)
    fits = [written.fit(group, group.rsplit("__", 1)[0]) for written, group in pairs]
    around = min(fits, default=_UNFIT) if context.groups else _OPEN
    return dag, around, -abs(len(context.groups) - len(groups))


def _best(rated: list[tuple[Any, int]]) -> int | None:
    """The line that fits best; None if there is none, or if several fit equally well."""
    most = max(rated)[0] if rated else None
    best = {line for fit, line in rated if fit == most}
    return best.pop() if len(best) == 1 else None


def _dag_id(call: ast.Call) -> ast.expr | None:
    """The id of the DAG that a call makes; None if it makes none."""
    if _name(call.func) in {"DAG", "dag"}:
        return _argument(call, "dag_id")
    written = _keyword(call, "dag_id")
    return written if isinstance(written, ast.Constant) else None


def _argument(call: ast.Call, name: str) -> ast.expr | None:
    """An argument, given as the first or by its name."""
    return call.args[0] if call.args else _keyword(call, name)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
