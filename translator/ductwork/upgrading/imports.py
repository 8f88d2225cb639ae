"""Imports of what Airflow 3 has elsewhere, and the uses of what has another name there.

Each import is changed where it stands, and keeps its comments. The name that the file uses is changed too if Airflow's
is another one, unless something else has that name already or other files import the old one from this file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

import libcst as cst

from ductwork.airflow2 import Place, has_moved
from ductwork.upgrading import replacements
from ductwork.upgrading.bindings import Bindings, guards, imported, module_of
from ductwork.upgrading.variables import TellsVariables

Statement = cst.BaseStatement | cst.BaseSmallStatement


class Names:
    """What the installed Airflow says of names; the only thing here that knows of it.

    :param now: where a name is now, if elsewhere
    :param gone: whether Airflow 3 lacks a name, or a module (an empty name); False if nobody can say
    """

    def __init__(self, now: Callable[[str, str], Place | None], gone: Callable[[str, str], bool]) -> None:
        self.now = now
        self.gone = gone


def rewrite(
    tree: cst.Module, bindings: Bindings, names: Names, exported: Collection[str], wanted: Iterable[Place] = ()
) -> cst.Module:
    """One file with its imports and uses changed.

    :param exported: names that other files import from this one
    :param wanted: what it needs to import besides
    """
    rewriting = _Rewriting(bindings, names, exported)
    rewriting.wanted.update(dict.fromkeys(wanted))
    return tree.visit(rewriting)


class _Rewriting(TellsVariables, cst.CSTTransformer):
    def __init__(self, bindings: Bindings, names: Names, exported: Collection[str]) -> None:
        super().__init__()
        self.bindings = bindings
        self.names = names
        self.kept = {*exported, *bindings.listed}
        self.renamed = dict(self._renamed())
        self.replaced: Counter[str] = Counter()  # uses of a local name that are gone
        self.wanted: dict[Place | str, None] = {}  # imports to add
        self._guarded = 0

    def _renamed(self) -> Iterable[tuple[str, str]]:
        found = self.bindings
        for local, place in found.names.items():
            now = self.names.now(place.module, place.name)
            if now is None or now.name == place.name or local != place.name or local in {*found.taken, *self.kept}:
                continue
            other = found.names.get(now.name)
            if now.name not in found.taken and (other is None or self._now(other) == now):
                yield local, now.name

    def _now(self, place: Place) -> Place:
        return self.names.now(place.module, place.name) or place

    # Uses

    def visit_Try(self, node: cst.Try) -> None:
        self._guarded += guards(node)

    def leave_Try(self, original_node: cst.Try, updated_node: cst.Try) -> cst.Try:
        self._guarded -= guards(original_node)
        return updated_node

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        if not self.at_variable or original_node.value not in self.renamed:
            return updated_node
        return updated_node.with_changes(value=self.renamed[original_node.value])

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        """``bash_operator.BashOperator`` is ``BashOperator``, which is imported from where it is now."""
        place = self.bindings.place(original_node)
        now = self.names.now(place.module, place.name) if place else None
        if now is None or not self._free(now):
            return updated_node
        self.wanted[now] = None
        self._count(original_node)
        return cst.Name(now.name, lpar=updated_node.lpar, rpar=updated_node.rpar)

    def _free(self, now: Place) -> bool:
        other = self.bindings.names.get(now.name)
        return now.name not in self.bindings.taken and (other is None or self._now(other) == now)

    def _count(self, node: cst.BaseExpression) -> None:
        while isinstance(node, cst.Attribute):
            node = node.value
        if isinstance(node, cst.Name):
            self.replaced[node.value] += 1

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """``days_ago(1)``."""
        if self.bindings.place(original_node.func) == replacements.DAYS_AGO:
            made = replacements.days_ago(updated_node)
            if made is not None and "pendulum" not in self.bindings.taken - {"pendulum"}:
                self._count(original_node.func)
                self.wanted["pendulum"] = None
                return made
        return updated_node

    def leave_Decorator(
        self, original_node: cst.Decorator, updated_node: cst.Decorator
    ) -> cst.Decorator | cst.RemovalSentinel:
        """``@apply_defaults``: BaseOperator does that by itself."""
        if self.bindings.place(original_node.decorator) in replacements.APPLY_DEFAULTS:
            self._count(original_node.decorator)
            return cst.RemoveFromParent()
        return updated_node

    # Imports

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        if self._guarded:
            return updated_node
        body, rest = self._rewritten(updated_node.body)
        return updated_node.with_changes(body=body, footer=[*rest, *updated_node.footer])

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        body, rest = self._rewritten(updated_node.body)
        body = self._with_wanted(body)
        return updated_node.with_changes(body=body, footer=[*rest, *updated_node.footer])

    def _rewritten(self, body: Sequence[cst.BaseStatement]) -> tuple[list[cst.BaseStatement], list[cst.EmptyLine]]:
        """The statements of a block, and comments above imports that were its last statements and are no more."""
        made: list[cst.BaseStatement] = []
        comments: list[cst.EmptyLine] = []
        for statement in body:
            new = self._statements(statement)
            if not new and isinstance(statement, cst.SimpleStatementLine):
                comments += [line for line in statement.leading_lines if line.comment]
                continue
            if comments and new and hasattr(new[0], "leading_lines"):
                new = [new[0].with_changes(leading_lines=[*comments, *new[0].leading_lines]), *new[1:]]
                comments = []
            made += new
        return _merged(made, body), comments

    def _statements(self, statement: cst.BaseStatement) -> list[cst.BaseStatement]:
        if not isinstance(statement, cst.SimpleStatementLine):
            return [statement]
        parts: list[cst.BaseSmallStatement] = []
        for part in statement.body:
            if isinstance(part, cst.ImportFrom):
                parts += self._from(part)
            elif isinstance(part, cst.Import):
                parts += self._import(part)
            else:
                parts.append(part)
        if [*parts] == [*statement.body]:
            return [statement]
        if not parts:
            return []
        lines = [cst.SimpleStatementLine([part.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)]) for part in parts]
        lines[0] = lines[0].with_changes(leading_lines=statement.leading_lines)
        lines[-1] = lines[-1].with_changes(trailing_whitespace=statement.trailing_whitespace)
        return [*lines]

    def _from(self, node: cst.ImportFrom) -> list[cst.BaseSmallStatement]:
        module = module_of(node)
        if isinstance(node.names, cst.ImportStar):
            return self._star(node, module)
        if not module.startswith("airflow"):
            return [node]
        stay: list[cst.ImportAlias] = []
        moved: dict[str, dict[str, cst.ImportAlias]] = {}
        for alias, (name, local) in zip(node.names, imported(node), strict=True):
            if self._unused(module, name, local):
                continue
            now = self.names.now(module, name)
            if now is None:
                stay.append(alias)
                continue
            name_now = self.renamed.get(local, local)
            asname = None if name_now == now.name else _as(name_now)
            moved.setdefault(now.module, {})[name_now] = cst.ImportAlias(cst.Name(now.name), asname=asname)
        if len(stay) == len(node.names):
            return [node]
        if not stay and len(moved) == 1:
            ((target, aliases),) = moved.items()
            if len(aliases) == len(node.names):
                # As it was laid out, over several lines perhaps.
                pairs = zip(node.names, aliases.values(), strict=True)
                names = [old.with_changes(name=new.name, asname=new.asname) for old, new in pairs]
                return [node.with_changes(module=_dotted(target), names=names)]
        kept = [_with_names(node, stay)] if stay else []
        return [*kept, *(_with_names(_import_from(target), [*names.values()]) for target, names in moved.items())]

    def _star(self, node: cst.ImportFrom, module: str) -> list[cst.BaseSmallStatement]:
        used = {name: self.names.now(module, name) for name in sorted({*self.bindings.uses} - self.bindings.taken)}
        places = [place for place in used.values() if place is not None]
        if not has_moved(module) or not self.names.gone(module, "") or not places:
            return [node]
        return [_with_names(_import_from(each.module), [cst.ImportAlias(cst.Name(each.name))]) for each in places]

    def _unused(self, module: str, name: str, local: str) -> bool:
        """Whether nothing uses what an import has from Airflow, and it is gone or was used until now."""
        uses = self.bindings.uses[local]
        if local in self.kept or uses > self.replaced[local]:
            return False
        gone = self.names.gone(module, name) or Place(module, name) in replacements.APPLY_DEFAULTS
        return self.replaced[local] > 0 or (gone and uses == 0)

    def _import(self, node: cst.Import) -> list[cst.BaseSmallStatement]:
        kept: list[cst.ImportAlias] = []
        for alias in node.names:
            module, local = alias.evaluated_name, alias.evaluated_alias
            used = self.bindings.uses[local or "airflow"] > self.replaced[local or "airflow"]
            if not module.startswith("airflow.") or (used and local) or (local or "airflow") in self.kept:
                kept.append(alias)
            elif used and self.names.gone(module, ""):
                # "airflow" is used in other ways; what was used of the module has been replaced.
                kept.append(cst.ImportAlias(cst.Name("airflow")))
            elif used or not (self.names.gone(module, "") or self.replaced[local or "airflow"]):
                kept.append(alias)
        if [*kept] == [*node.names]:
            return [node]
        return [_with_names(node, kept)] if kept else []

    def _with_wanted(self, body: list[cst.BaseStatement]) -> list[cst.BaseStatement]:
        """With imports of what the uses need, below the imports of the file that come first."""
        have = {
            (module_of(part), name)
            for part in _parts(body)
            if isinstance(part, cst.ImportFrom)
            for name, local in imported(part)
            if name == local
        }
        have |= {
            (alias.evaluated_name, "")
            for part in _parts(body)
            if isinstance(part, cst.Import)
            for alias in part.names
            if not alias.asname
        }
        lines: dict[str, list[cst.ImportAlias]] = {}
        for each in self.wanted:
            if isinstance(each, str):
                if (each, "") not in have:
                    lines[each] = []
            elif (each.module, each.name) not in have:
                lines.setdefault(each.module, []).append(cst.ImportAlias(cst.Name(each.name)))
        new = [
            cst.SimpleStatementLine(
                [_with_names(_import_from(module), names) if names else cst.Import([cst.ImportAlias(cst.Name(module))])]
            )
            for module, names in lines.items()
        ]
        at = _after_first_imports(body)
        return [*body[:at], *new, *body[at:]]


def _merged(made: Sequence[cst.BaseStatement], before: Sequence[cst.BaseStatement]) -> list[cst.BaseStatement]:
    """With one import for each module, of those that are new and have no comment."""
    result: list[cst.BaseStatement] = []
    at: dict[str, int] = {}
    for statement in made:
        new = not any(statement is each for each in before)
        if not new or not isinstance(statement, cst.SimpleStatementLine) or _is_laid_out(statement):
            result.append(statement)
            continue
        part = statement.body[0]
        module = module_of(part) if isinstance(part, cst.ImportFrom) else ""
        first = result[at[module]] if module in at else None
        if isinstance(part, cst.ImportFrom) and isinstance(first, cst.SimpleStatementLine):
            result[at[module]] = first.with_changes(body=[_joined(first.body[0], part)])
        else:
            if module:
                at[module] = len(result)
            result.append(statement)
    return result


def _joined(first: cst.BaseSmallStatement, second: cst.ImportFrom) -> cst.BaseSmallStatement:
    assert isinstance(first, cst.ImportFrom)
    if isinstance(first.names, cst.ImportStar) or isinstance(second.names, cst.ImportStar):
        return first
    have = set(imported(first))
    more = [alias for alias, pair in zip(second.names, imported(second), strict=True) if pair not in have]
    return _with_names(first, [*first.names, *more]) if more else first


def _is_laid_out(statement: cst.SimpleStatementLine) -> bool:
    """Whether an import has comments, or goes over several lines."""
    return "#" in (code := cst.Module([statement]).code.strip()) or "\n" in code


def _parts(body: Iterable[cst.BaseStatement]) -> Iterable[cst.BaseSmallStatement]:
    for statement in body:
        if isinstance(statement, cst.SimpleStatementLine):
            yield from statement.body


def _after_first_imports(body: Sequence[cst.BaseStatement]) -> int:
    """Below the first block of imports; below the docstring, if there is none."""
    at = 0
    for number, statement in enumerate(body):
        parts = statement.body if isinstance(statement, cst.SimpleStatementLine) else ()
        if any(isinstance(part, (cst.Import, cst.ImportFrom)) for part in parts):
            at = number + 1
        elif at or number:
            break
        elif isinstance(statement, cst.SimpleStatementLine) and isinstance(parts[0], cst.Expr):
            continue
        else:
            break
    if at == 0 and body and isinstance(body[0], cst.SimpleStatementLine) and isinstance(body[0].body[0], cst.Expr):
        return 1
    return at


def _as(name: str) -> cst.AsName:
    return cst.AsName(cst.Name(name))


def _dotted(module: str) -> cst.Name | cst.Attribute:
    head, *rest = module.split(".")
    node: cst.Name | cst.Attribute = cst.Name(head)
    for part in rest:
        node = cst.Attribute(node, cst.Name(part))
    return node


def _import_from(module: str) -> cst.ImportFrom:
    return cst.ImportFrom(_dotted(module), [cst.ImportAlias(cst.Name("x"))])


def _with_names(node: cst.Import | cst.ImportFrom, names: Sequence[cst.ImportAlias]) -> cst.Import | cst.ImportFrom:
    last = names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    first = [name if isinstance(name.comma, cst.Comma) else name.with_changes(comma=comma) for name in names[:-1]]
    return node.with_changes(names=[*first, last])
