"""The order of what is done to old DAG files: arguments, imports, keys of the context, then what ruff knows besides."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from ductwork.diagnostics import Diagnostics, Origin
from ductwork.frontend import airflow_names
from ductwork.frontend.old_names import Old, old_names
from ductwork.upgrading import ruff
from ductwork.upgrading.bindings import bindings_of
from ductwork.upgrading.calls import change_arguments
from ductwork.upgrading.context import change_context
from ductwork.upgrading.imports import Names, rewrite
from ductwork.upgrading.project import gather

_NAMES = Names(airflow_names.now, lambda module, name: airflow_names.has(module, name) is False)
_BY_HAND = "change this line by hand; docs/upgrading.md says what there is instead"


@dataclass(frozen=True)
class Upgraded:
    """A file before and after.

    :param path: as the user would write it
    :param after: the same as before if nothing is to be done, or not all of it can be
    :param old: what Airflow 3 does not have, of the file as it was
    """

    path: str
    before: str
    after: str
    old: tuple[Old, ...]


def upgrade(paths: Sequence[str], diagnostics: Diagnostics) -> tuple[Upgraded, ...]:
    """The files, those of the folders, and the helpers they import. Nothing is written.

    What no rule can change is reported as DW104. A file that Airflow 3 would still not load because of it is left as
    it was; where only a task's run would fail, the rest of the file is changed.
    """
    project = gather(paths, diagnostics)
    if not project.sources:
        return ()
    airflow_names.ready()
    changed: dict[str, str] = {}
    context: dict[str, list[str]] = {}
    for path, text in project.sources.items():
        if "airflow" not in text and "execution_date" not in text:
            continue
        try:
            changed[path], context[path] = _changed(text, project.exported[os.path.realpath(path)])
        except cst.ParserSyntaxError as error:
            what = f"libcst cannot parse what Python can, so the file is left as it was: {error.message}"
            diagnostics.add("DW102", Origin(path, error.raw_line), what, "write this line in another way")
    # Ruff imports once more what a file tries to import in several ways.
    plain = {path: text for path, text in changed.items() if not bindings_of(cst.parse_module(text)).guarded}
    settled = {**changed, **(ruff.fixed(plain) if plain else {})}
    done = []
    for path, before in project.sources.items():
        after = settled.get(path, before)
        if after != changed.get(path, before):
            # Ruff leaves the imports that it replaces.
            after, _ = _changed(after, project.exported[os.path.realpath(path)])
        left = old_names(after)
        if left:
            _report_left(path, before, left, diagnostics)
            after = before
        for name in context.get(path, ()):
            what = f"{name} is not in Airflow 3's context, and nothing has the same value for every run"
            diagnostics.add("DW104", Origin(path, _line_of(before, name)), what, _BY_HAND)
        done.append(Upgraded(path, before, after, tuple(old_names(before))))
    return tuple(done)


def _changed(text: str, exported: set[str]) -> tuple[str, list[str]]:
    """A file's new text, and the names of the context that nothing replaces."""
    tree = cst.parse_module(text)
    bindings = bindings_of(tree)
    tree, wanted = change_arguments(tree, bindings, _NAMES)
    tree, left = change_context(rewrite(tree, bindings, _NAMES, exported, wanted))
    return tree.code, left


def _report_left(path: str, before: str, left: Sequence[Old], diagnostics: Diagnostics) -> None:
    """By the lines of the file as it was, which it is again."""
    lines = {each.removed.used: each.line for each in reversed(old_names(before))}
    for each in left:
        line = lines.get(each.removed.used, each.line)
        diagnostics.add("DW104", Origin(path, line), f"{each.removed.what}; the file is left as it was", _BY_HAND)


def _line_of(text: str, name: str) -> int:
    found = re.search(rf"\b{re.escape(name)}\b", text)
    return text.count("\n", 0, found.start()) + 1 if found else 0
