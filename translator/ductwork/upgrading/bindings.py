"""What the names of a file stand for, as far as its imports of Airflow say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import libcst as cst
from libcst.helpers import get_full_name_for_node

from ductwork.airflow2 import Place, has_moved, is_airflow
from ductwork.upgrading.variables import TellsVariables

_CAUGHT = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


@dataclass
class Bindings:
    """The names that a file has from Airflow's modules, and how often each name is used.

    Imports within ``try`` with an ``except ImportError`` are not among them: such a file has its own answer.

    :param names: what a local name stands for, if it is a name of a module
    :param modules: likewise, if it is a module
    :param taken: names that are bound in any other way
    :param uses: how often each name is written, imports apart
    :param listed: names in ``__all__``
    :param guarded: whether an import is within such a ``try``
    """

    names: dict[str, Place] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    uses: Counter[str] = field(default_factory=Counter)
    listed: set[str] = field(default_factory=set)
    guarded: bool = False

    def place(self, node: cst.CSTNode) -> Place | None:
        """What a name, or names with dots between them, stands for."""
        dotted = get_full_name_for_node(node)
        if dotted is None or not isinstance(node, (cst.Name, cst.Attribute)):
            return None
        head, *rest = dotted.split(".")
        if head in self.taken:
            return None
        if not rest:
            return self.names.get(head)
        if head in self.modules:
            return Place(".".join([self.modules[head], *rest[:-1]]), rest[-1])
        return None


def bindings_of(tree: cst.Module) -> Bindings:
    """The bindings of a whole file."""
    collector = _Collector()
    tree.visit(collector)
    return collector.found


def guards(node: cst.Try) -> bool:
    """Whether a ``try`` has an answer for an import that fails."""
    for handler in node.handlers:
        kind = handler.type
        kinds = [each.value for each in kind.elements] if isinstance(kind, cst.Tuple) else [kind]
        if any(each is None or get_full_name_for_node(each) in _CAUGHT for each in kinds):
            return True
    return False


def module_of(node: cst.ImportFrom) -> str:
    """The module that is imported from, with a dot in front for each level of a relative import."""
    return "." * len(node.relative) + ((get_full_name_for_node(node.module) or "") if node.module else "")


def imported(node: cst.ImportFrom) -> Iterator[tuple[str, str]]:
    """``(name, local name)`` of what a statement imports; nothing for a star."""
    if not isinstance(node.names, cst.ImportStar):
        for alias in node.names:
            yield alias.evaluated_name, alias.evaluated_alias or alias.evaluated_name


def _bound(target: cst.CSTNode) -> Iterator[str]:
    if isinstance(target, cst.Name):
        yield target.value
    elif isinstance(target, (cst.Tuple, cst.List)):
        for element in target.elements:
            yield from _bound(element.value)
    elif isinstance(target, cst.StarredElement):
        yield from _bound(target.value)


def _strings(node: cst.BaseExpression) -> Iterator[str]:
    if isinstance(node, (cst.List, cst.Tuple)):
        for element in node.elements:
            if isinstance(element.value, cst.SimpleString):
                yield str(element.value.evaluated_value)


class _Collector(TellsVariables, cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = Bindings()
        self._guarded = 0

    def visit_Try(self, node: cst.Try) -> None:
        self._guarded += guards(node)

    def leave_Try(self, original_node: cst.Try) -> None:
        self._guarded -= guards(original_node)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        module = module_of(node)
        self.found.guarded |= bool(self._guarded)
        for name, local in imported(node):
            if self._guarded or not is_airflow(module):
                self.found.taken.add(local)
            elif has_moved(f"{module}.{name}"):
                self.found.modules[local] = f"{module}.{name}"
            else:
                self.found.names[local] = Place(module, name)
                # ``from airflow import models``
                self.found.modules[local] = f"{module}.{name}"
        return False

    def visit_Import(self, node: cst.Import) -> bool:
        for alias in node.names:
            module, local = alias.evaluated_name, alias.evaluated_alias
            if self._guarded or not is_airflow(module):
                self.found.taken.add((local or module).split(".")[0])
            elif local:
                self.found.modules[local] = module
            else:
                self.found.modules["airflow"] = "airflow"
        return False

    def visit_Name(self, node: cst.Name) -> None:
        if self.at_variable:
            self.found.uses[node.value] += 1

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self.found.taken.update(_bound(node.target))

    def visit_Assign(self, node: cst.Assign) -> None:
        if any(get_full_name_for_node(each.target) == "__all__" for each in node.targets):
            self.found.listed |= set(_strings(node.value))

    def visit_Param(self, node: cst.Param) -> None:
        self.found.taken.add(node.name.value)

    def visit_For(self, node: cst.For) -> None:
        self.found.taken.update(_bound(node.target))

    def visit_CompFor(self, node: cst.CompFor) -> None:
        self.found.taken.update(_bound(node.target))

    def visit_AsName(self, node: cst.AsName) -> None:
        self.found.taken.update(_bound(node.name))

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.found.taken.add(node.name.value)

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.found.taken.add(node.name.value)
