"""The shape of the code: who may import whom, what is packaged, how long files and functions are."""

from __future__ import annotations

import ast
import configparser
import functools
import graphlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"ductwork": ROOT / "translator" / "ductwork", "ductwork_airflow": ROOT / "plugin" / "ductwork_airflow"}

# A room may import the rooms of lower layers; rooms of one layer never import each other. Single files are rooms, too.
LAYERS: dict[str, tuple[set[str], ...]] = {
    "ductwork": (
        {"cli"},
        {"cloudformation"},
        {"compiler"},
        {"backends", "importing", "upgrading"},
        {"lowering"},
        {"deployment", "frontend", "passes", "planning", "rules", "schedules"},
        {"checks", "contracts", "templates"},
        {"airflow2", "semantics"},
        {"ir"},
        {"diagnostics", "frame_stack", "startup"},
    ),
    "ductwork_airflow": (
        {"policy", "plugin", "provider"},
        {"delegate"},
        {"operators"},
        {"commands", "triggers"},
        {"airflow_side", "local", "worker"},
        {"runs"},
        {"mirror"},
        {"deploying", "links", "submit"},
        {"execution_api", "reporting", "run_model", "trigger_rules"},
        {"dag_code", "embedded_aws", "ledger"},
        {"aws", "compat", "hooks"},
    ),
}
RANK = {
    package: {room: number for number, layer in enumerate(layers) for room in layer}
    for package, layers in LAYERS.items()
}
AWS = {"boto3", "botocore", "aiobotocore", "moto", "ductwork_airflow"}


# How often the word stands in the code, imports included; to be lowered with it.
ANY = 315


def files(package):
    return sorted(PACKAGES[package].rglob("*.py"))


CODE = [path for package in PACKAGES for path in files(package)]
ALL = [*CODE, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "dags").glob("*.py"))]


@functools.cache
def imports(path):
    """``(dotted name, line)`` of everything a file imports, wherever in it."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(f"{'.' * node.level}{node.module or ''}.{alias.name}", node.lineno) for alias in node.names]
    return found


def own_name(path):
    """The dotted name of a file; that of its folder for an ``__init__.py``."""
    package = next(name for name, root in PACKAGES.items() if path.is_relative_to(root))
    parts = (package, *path.relative_to(PACKAGES[package]).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {own_name(path): path for path in CODE}


def used_by(path):
    """``(module, line)`` of the modules of both packages that a file imports."""
    for name, line in imports(path):
        known = name if name in MODULES else name.rpartition(".")[0]
        if known in MODULES and known != own_name(path):
            yield known, line


def room_of(module):
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package):
    rank = RANK[package]
    for module, path in MODULES.items():
        if module.split(".")[0] != package:
            continue
        own = room_of(module)
        assert own in rank or not own, f"{module}: put the new room {own} into a layer of this test"
        for used, line in used_by(path):
            if used.split(".")[0] == package and used != package and room_of(used) != own:
                assert rank[own] < rank[room_of(used)], f"{path}:{line}: {own} must not import {room_of(used)}"


@pytest.mark.parametrize("folder", sorted({name.rpartition(".")[0] for name in MODULES if "." in name}))
def test_no_circle_within_a_folder(folder):
    """Neither among its files nor among its folders; a face, whose folder imports it, is no member."""
    depth = folder.count(".") + 1
    graph = {}
    for module, path in MODULES.items():
        if module.startswith(f"{folder}."):
            own = module.split(".")[depth]
            above = {used.split(".")[depth] for used, _ in used_by(path) if used.startswith(f"{folder}.")}
            graph.setdefault(own, set()).update(above - {own})
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_imports_are_absolute():
    assert [f"{path}:{line} {name}" for path in CODE for name, line in imports(path) if name.startswith(".")] == []


def test_only_the_front_end_imports_airflow():
    users = {
        room_of(own_name(path))
        for path in files("ductwork")
        for name, _ in imports(path)
        if name.split(".")[0] == "airflow"
    }
    assert users == {"frontend"}


def test_the_translator_calls_no_aws_and_knows_no_plugin():
    found = [(str(path), name) for path in files("ductwork") for name, _ in imports(path) if name.split(".")[0] in AWS]
    assert found == []


def test_the_packages_of_setup_cfg_are_the_folders():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = config["options"]["packages"].split()
    folders = sorted(
        ".".join((package, *path.parent.relative_to(root).parts))
        for package, root in PACKAGES.items()
        for path in root.rglob("__init__.py")
    )
    assert sorted(listed) == folders
    unpackaged = [path for package in PACKAGES for path in files(package) if not (path.parent / "__init__.py").exists()]
    assert unpackaged == []


def test_files_are_short():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in ALL}
    assert {path: length for path, length in lengths.items() if length >= 500} == {}
    own = sorted(length for path, length in lengths.items() if path.startswith(("translator", "plugin")) and length)
    assert own[len(own) // 2] <= 120, "the median file"


def test_functions_are_short():
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length} lines"
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := node.end_lineno - node.lineno + 1) > 60
    ]
    assert long == []


def test_public_functions_have_docstrings():
    """What the name cannot say: shapes, units, errors, sources. What returns one line of code may speak for itself."""
    missing = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in CODE
        for node in public(ast.parse(path.read_text(encoding="utf-8")))
        if ast.get_docstring(node) is None and not is_one_return(node) and not is_overload(node)
    ]
    assert missing == []


def test_docstrings_begin_with_what_it_is():
    """Parameters, errors and what is returned come after a sentence, of whatever has a docstring."""
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and re.match(r":(param|returns?|raises?|yields?)\b", ast.get_docstring(node) or "")
    ]
    assert bare == []


def public(scope):
    """The public functions and classes of a module, and the public methods of its public classes."""
    for node in scope.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def is_one_return(node):
    return isinstance(node.body[0], ast.Return) and node.body[0].lineno == node.body[0].end_lineno


def is_overload(node):
    return any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)


def test_any_is_rare():
    """Each ``Any`` is a place that mypy does not look at."""
    found = sum(len(re.findall(r"\bAny\b", path.read_text(encoding="utf-8"))) for path in CODE)
    assert found <= ANY


def test_any_in_a_public_signature_has_its_reason():
    """``# Any: why`` within the signature, or in the comment above it. What ``*args`` and ``**kwargs`` pass on has none:
    it is of the types that somebody else's signature says."""
    bare = []
    for path in CODE:
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for node in public(ast.parse(text)):
            if not isinstance(node, ast.ClassDef) and says_any(node) and "# Any: " not in around(node, lines):
                bare.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert bare == []


def says_any(function):
    parameters = function.args
    named = (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs)
    annotations = [*(each.annotation for each in named), function.returns]
    names = (name for each in annotations if each is not None for name in ast.walk(each))
    return any(isinstance(name, ast.Name) and name.id == "Any" for name in names)


def around(function, lines):
    """A function's signature with the comment and the decorators above it."""
    first = min([function.lineno, *(each.lineno for each in function.decorator_list)]) - 1
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return "\n".join(lines[first : function.body[0].lineno - 1])


def test_no_test_patches_internals():
    """Real components over mocks: a test that replaces our own code tests something else."""
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        names = list(imports(path))
        found += [f"{path}:{line} {name}" for name, line in names if name.startswith(("unittest.mock", "mock."))]
        own = {name.split(".")[-1] for name, _ in names if name.split(".")[0] in PACKAGES}
        found += [f"{path}:{line} {name}" for name, line in patched(path) if name.split(".")[0] in own | {*PACKAGES}]
    assert found == []


def patched(path):
    """``(what, line)`` of each ``monkeypatch.setattr(what, ...)``; what is patched by a string counts too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"monkeypatch.setattr", "monkeypatch.delattr"}:
            first = node.args[0]
            yield str(first.value) if isinstance(first, ast.Constant) else ast.unparse(first), node.lineno


def test_the_rules_are_sound():
    from ductwork.rules import BUILTIN, registry

    names = [rule.name for rule in registry()]
    assert len(names) == len(set(names))
    operators = [name for rule in BUILTIN for name in rule.operators]
    assert len(operators) == len(set(operators)), "an operator has one built-in rule"
    folder = PACKAGES["ductwork"] / "rules"
    modules = {path.stem for path in folder.glob("*.py") if re.search("^RULE = ", path.read_text("utf-8"), re.M)}
    assert {rule.name for rule in BUILTIN} == modules, "a built-in rule is named as its module"


def test_the_page_of_conditions_names_files_that_exist_and_every_dependency_of_airflow():
    """A new one in Airflow is to be looked at, and to get its row."""
    from airflow.ti_deps import deps

    page = (ROOT / "docs" / "scheduler-conditions.md").read_text()
    rows = [
        line.split("|") for line in page.splitlines() if line.startswith("| ") and not line.startswith("| condition")
    ]
    tests = {name for row in rows for name in re.findall(r"`([\w/]+\.py)`", row[4])}
    folders = [ROOT / "tests", ROOT / "tests" / "differential" / "semantics"]
    assert tests
    assert not {name for name in tests if not any((folder / name).exists() for folder in folders)}
    found = {
        match
        for file in Path(deps.__file__).parent.glob("*.py")
        for match in re.findall(r"^class (\w+)\(BaseTIDep\)", file.read_text(), re.M)
    }
    named = set(re.findall(r"`(\w+)`", page))
    assert found - named == set()
