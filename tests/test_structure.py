"""The shape of the code: who may import whom, what is packaged, how long files and functions are."""

from __future__ import annotations

import ast
import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"ductwork": ROOT / "translator" / "ductwork", "ductwork_airflow": ROOT / "plugin" / "ductwork_airflow"}

# A part may import the parts of lower layers; parts of one layer never import each other.
LAYERS = (
    {"cli"},
    {"explain", "picture"},
    {"compiler"},
    {"frontend", "passes", "backends", "support", "deployment", "relations", "importing"},
    {"rules"},
    {"templates"},
    {"batch_limits"},
    {"batch_shapes"},
    {"structure", "instances"},
    {"ir", "snapshot", "graph", "names", "ledger_schema", "schedule_schema", "exit_codes", "output"},
    {"trigger_rules", "lengths", "leaves", "task_groups", "assets"},
    # The catalogue and what looks things up in it.
    {"diagnostics"},
)
ONE_PART = {"codes": "diagnostics"}
RANK = {part: number for number, layer in enumerate(LAYERS) for part in layer}
# Within a part, the same for its own parts.
# Some back ends read the models of others.
WITHIN = {
    "backends": (
        {"__init__"},
        {"cloudformation", "schedule_document", "chain_machine"},
        {"stepfunctions", "batch"},
        {"worker_job"},
    )
}
AWS = {"boto3", "botocore", "aiobotocore", "moto", "ductwork_airflow"}


def files(package):
    return sorted(PACKAGES[package].rglob("*.py"))


CODE = [path for package in PACKAGES for path in files(package)]
ALL = [*CODE, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "dags").glob("*.py"))]


def imports(path):
    """``(dotted name, line)`` of everything a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{'.' * node.level}{node.module or ''}.{alias.name}", node.lineno) for alias in node.names)


def part_of(dotted, depth=1):
    parts = dotted.split(".")
    name = parts[depth] if len(parts) > depth else "__init__"
    return ONE_PART.get(name, name)


def own_name(path):
    relative = path.relative_to(PACKAGES["ductwork"]).with_suffix("")
    return ".".join(("ductwork", *relative.parts))


@pytest.mark.parametrize("path", files("ductwork"), ids=own_name)
def test_imports_go_one_way(path):
    own = part_of(own_name(path))
    if own == "__init__":
        assert [name for name, _ in imports(path) if name.startswith("ductwork")] == []
        return
    assert own in RANK, f"{path.name}: put the new part {own} into a layer of this test and of the architecture page"
    for name, line in imports(path):
        if not name.startswith("ductwork."):
            continue
        used = part_of(name)
        if used in {"__version__", own}:
            continue
        assert used in RANK, f"{path}:{line}: {name}"
        assert RANK[own] < RANK[used], f"{path}:{line}: {own} must not import {used}"


@pytest.mark.parametrize("part", WITHIN)
def test_imports_within_a_part_go_one_way(part):
    rank = {inner: number for number, layer in enumerate(WITHIN[part]) for inner in layer}
    for path in files("ductwork"):
        own = own_name(path)
        if part_of(own) != part:
            continue
        mine = part_of(own, 2)
        for name, line in imports(path):
            # "from ductwork.backends import worker_job" and "from ductwork.backends.worker_job import request".
            if name.startswith(f"ductwork.{part}."):
                other = part_of(name, 2)
                assert other == mine or rank[mine] < rank[other], f"{path}:{line}: {mine} must not import {other}"


def test_imports_are_absolute():
    assert [f"{path}:{line} {name}" for path in CODE for name, line in imports(path) if name.startswith(".")] == []


def test_only_the_front_end_imports_airflow():
    users = {
        part_of(own_name(path))
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
    shared = {"__init__", "base", "container", "pod_parts", "amounts"}
    modules = {path.stem for path in (PACKAGES["ductwork"] / "rules").glob("*.py")} - shared
    assert {rule.name for rule in BUILTIN} == modules, "a built-in rule is named as its module"
