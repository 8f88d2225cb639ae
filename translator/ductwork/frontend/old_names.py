"""All names and arguments of a file that Airflow 3 does not have, found without running it."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ductwork.airflow2 import Place, arguments, has_moved, is_airflow
from ductwork.frontend import airflow_names
from ductwork.frontend.airflow2_removals import ARGUMENTS, Removed, for_name, not_installed

_CAUGHT = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_DAG = Place("airflow.sdk", "DAG")
_MADE = ("Operator", "Sensor", "GenericTransfer", "DAG", "Schedule")


@dataclass(frozen=True)
class Old:
    """Something that a file has from an older Airflow, and the line it is in."""

    line: int
    removed: Removed


def old_names(source: str) -> list[Old]:
    """In the order of the lines; imports with an ``except ImportError`` are not among them.

    :raises SyntaxError: Python cannot parse the source
    """
    scan = _Scan()
    scan.visit(ast.parse(source))
    return sorted(scan.found, key=lambda each: each.line)


class _Scan(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[Old] = []
        self._names: dict[str, Place] = {}
        self._modules: dict[str, str] = {}

    def visit_Try(self, node: ast.Try) -> None:
        names = {
            each.id
            for handler in node.handlers
            if handler.type
            for each in ast.walk(handler.type)
            if isinstance(each, ast.Name)
        }
        if names & _CAUGHT or any(handler.type is None for handler in node.handlers):
            for part in (*node.body, *node.orelse, *node.finalbody, *(x for each in node.handlers for x in each.body)):
                if not isinstance(part, (ast.Import, ast.ImportFrom)):
                    self.visit(part)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if not is_airflow(alias.name):
                continue
            self._modules[alias.asname or "airflow"] = alias.name if alias.asname else "airflow"
            if airflow_names.has(alias.name) is False:
                self._add(node, alias.name, "")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level or not is_airflow(module):
            return
        for alias in node.names:
            name, local = alias.name, alias.asname or alias.name
            place = airflow_names.now(module, name) or Place(module, name)
            self._names[local] = place
            self._modules[local] = f"{module}.{name}"
            there = airflow_names.has(module, "" if name == "*" else name)
            known = there is None and place != Place(module, name)
            if there is False or (known and airflow_names.has(place.module, place.name)):
                self._add(node, module, "" if name == "*" else name)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        place = self._dotted(node)
        if place is None:
            self.generic_visit(node)
            return
        module = airflow_names.has(place.module) or has_moved(place.module)
        if module and airflow_names.has(place.module, place.name) is False:
            self._add(node, place.module, place.name)
        elif not module:
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        place = self._made(node.func)
        if place is not None and place.name.endswith(_MADE):
            for keyword in node.keywords:
                name = keyword.arg or ""
                if name in {"", "dag", "task_id"} or not airflow_names.refuses(place.module, place.name, name):
                    continue
                instead = ARGUMENTS.get(name) or arguments.now(place, name)
                self.found.append(Old(keyword.value.lineno, Removed(f"argument {name} of {place.name}", instead)))
        self.generic_visit(node)

    def _made(self, func: ast.expr) -> Place | None:
        if isinstance(func, ast.Attribute) and func.attr == "partial":
            func = func.value
        place = self._names.get(func.id) if isinstance(func, ast.Name) else self._dotted(func)
        place = place and (airflow_names.now(place.module, place.name) or place)
        return _DAG if place == Place("airflow.sdk", "dag") else place

    def _dotted(self, node: ast.expr) -> Place | None:
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if not parts or not isinstance(node, ast.Name) or node.id not in self._modules:
            return None
        return Place(".".join([self._modules[node.id], *parts[:-1]]), parts[-1])

    def _add(self, node: ast.stmt | ast.expr, module: str, name: str) -> None:
        self.found.append(Old(node.lineno, removed(module, name)))


def in_helpers(text: str, file: Path, root: Path) -> Iterator[tuple[str, Old]]:
    """``(path, what)`` of the old names of a file's helpers, and theirs. Those that cannot be read have none."""
    waiting, seen = [each for each, _ in helpers(text, file, root)], {os.path.realpath(file)}
    while waiting:
        path = waiting.pop(0)
        if (real := os.path.realpath(path)) in seen:
            continue
        seen.add(real)
        try:
            text = Path(path).read_text(encoding="utf-8")
            yield from ((path, each) for each in old_names(text))
            waiting += [each for each, _ in helpers(text, Path(path), root)]
        except (SyntaxError, ValueError, OSError):
            continue


def removed(module: str, name: str) -> Removed:
    """What was there, and where it is now.

    :param name: empty for the module itself
    """
    place = airflow_names.now(module, name) if name else None
    used = f"{module}.{name}" if name else f"module {module}"
    instead = str(place) if place else for_name(module, name)
    return Removed(used, instead, (not_installed(place.module) or "") if place and is_airflow(place.module) else "")


def imports(source: str) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """``(module, level, names)`` of every import statement of a file, for finding its helpers.

    :raises SyntaxError: Python cannot parse the source
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level, tuple(alias.name for alias in node.names)


def helpers(text: str, file: Path, root: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Files of the project that a file imports, and the names it has from each.

    :param root: the folder that helpers are imported from, besides the file's own
    :raises SyntaxError: Python cannot parse the text
    """
    for module, level, names in imports(text):
        parts = [each for each in module.split(".") if each]
        starts = [file.parent.joinpath(*[".."] * (level - 1))] if level else [root, file.parent]
        for start in starts:
            below = start.joinpath(*parts)
            found = [
                each for each in (below.with_suffix(".py") if parts else below, below / "__init__.py") if each.is_file()
            ]
            found += [each for name in names if (each := below / f"{name}.py").is_file()]
            for each in found:
                yield os.path.normpath(each), names
            if found:
                break
