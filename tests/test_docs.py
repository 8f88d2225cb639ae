"""The pages: what they name exists, one can find them, and none is too long to read."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from dataclasses import fields
from functools import cache
from pathlib import Path

import click
import pytest
from ductwork.cli.main import cli
from ductwork.contracts import exit_codes
from ductwork.diagnostics.catalogue import CODES
from ductwork.ir import Deployment
from ductwork_airflow.provider import OPTIONS
from ductwork_airflow.worker import environment, work
from headings import FENCE, anchors
from test_structure import RANK

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
CHANGELOG = ROOT / "CHANGELOG.md"
TEXTS = [*PAGES, CHANGELOG]
PACKAGES = [ROOT / "translator" / "ductwork", ROOT / "plugin" / "ductwork_airflow"]
MOST_WORDS = 1_800

# Files of the user's, or of Airflow's, that pages name.
NOT_OURS = {"airflow_local_settings.py", "airflow.cfg"}
# Classes of Airflow's that pages name; ours of the same names they do not.
OF_AIRFLOW = {"Asset", "DagRun"}
PATH = re.compile(r"[\w.-]*(?:/[\w.-]+)*(?:\.(?:py|md|js|json|sh|cfg|toml|txt)|/)")
MEMBER = re.compile(r"(?:\w+\.)*([A-Z]\w+)\.(\w+)")
DOTTED = re.compile(r"(?:ductwork|ductwork_airflow)(?:\.\w+)+")
ROLE = re.compile(r":(?:mod|class|func|data|meth|attr):`~?((?:ductwork(?:_airflow)?)?\.?[\w.]+)`")


def ids(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def quoted(page):
    """What a page has in backticks, outside its listings."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", page.read_text(encoding="utf-8")))


@cache
def code_files():
    """All files and folders of the two packages, as paths that begin with the package; folders end in a slash."""
    found = Counter()
    for package in PACKAGES:
        for path in package.rglob("*"):
            if "__pycache__" not in path.parts:
                found[f"{path.relative_to(package.parent)}{'/' * path.is_dir()}"] += 1
        found[f"{package.name}/"] += 1
    return found


def places(name):
    """The files and folders that a path may mean: one of the repository, else those of the packages that end so."""
    for folder in (ROOT, ROOT / "tests", ROOT / "tests" / "differential", DOCS):
        if (folder / name).exists():
            return [name]
    return [path for path in code_files() if f"/{path}".endswith(f"/{name}")]


@pytest.mark.parametrize("page", TEXTS, ids=ids(TEXTS))
def test_each_path_names_one_file(page):
    named = [text for text in quoted(page) if PATH.fullmatch(text) and text not in NOT_OURS]
    named = [text for text in named if not text.startswith((".", "-"))]
    assert {name: found for name in named if len(found := places(name)) != 1} == {}


@pytest.mark.parametrize("page", TEXTS, ids=ids(TEXTS))
def test_modules_exist(page):
    assert [name for name in quoted(page) if DOTTED.fullmatch(name) and not is_named(name)] == []


def is_named(dotted):
    """Whether a dotted name is a module of ours, or something that one has at its top."""
    package = next(each for each in PACKAGES if each.name == dotted.split(".")[0])
    path, parts = package, dotted.split(".")[1:]
    while parts and (path / parts[0]).is_dir():
        path /= parts.pop(0)
    if parts and (path / f"{parts[0]}.py").exists():
        path = path / f"{parts.pop(0)}.py"
    return not parts or parts[0] in names_of(path if path.is_file() else path / "__init__.py")


@cache
def names_of(path):
    """The names that a module has at its top."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize("page", TEXTS, ids=ids(TEXTS))
def test_members_of_our_classes_exist(page):
    """``Ledger.run``: a class that is not ours is passed over."""
    named = [found.groups() for text in quoted(page) if (found := MEMBER.fullmatch(text))]
    ours = [(name, member) for name, member in named if name in members() and name not in OF_AIRFLOW]
    assert [(name, member) for name, member in ours if member not in members()[name]] == []


@cache
def members():
    """The names in the body of each class of ours, and those that it gives itself."""
    found = {}
    for package in PACKAGES:
        for path in package.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    inner = list(ast.walk(node))
                    own = found.setdefault(node.name, set())
                    own |= {each.name for each in inner if isinstance(each, ast.FunctionDef)}
                    own |= {each.id for each in inner if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
                    own |= {each.attr for each in inner if isinstance(each, ast.Attribute)}
    return found


@pytest.mark.parametrize("page", TEXTS, ids=ids(TEXTS))
def test_codes_and_variables_exist(page):
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"\bDW\d{3}\b", text)) - set(CODES) == set()
    code = "\n".join(path.read_text(encoding="utf-8") for package in PACKAGES for path in package.rglob("*.py"))
    variables = set(re.findall(r"\bDUCTWORK_[A-Z_]*[A-Z]\b", text))
    assert {name for name in variables if not re.search(rf"\b{name}\b", code)} == set()


@pytest.mark.parametrize("page", TEXTS, ids=ids(TEXTS))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(path), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_pages_are_short(page):
    assert len(page.read_text(encoding="utf-8").split()) <= MOST_WORDS


@pytest.mark.parametrize("page", TEXTS, ids=ids(TEXTS))
def test_lines_fit(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    # A row of a table is one line, however long.
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


@pytest.mark.parametrize("package", RANK)
def test_the_page_of_rooms_has_all_in_the_order_of_layers(package):
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    rooms = [name for row in rows for name in re.findall(rf"`{package}/(\w+)(?:/|\.py)`", row)]
    assert sorted(rooms) == sorted(RANK[package])
    assert [RANK[package][room] for room in rooms] == sorted(RANK[package].values())


def cells(page, column=1):
    """The quoted words in a column of a page's tables."""
    rows = (line.split("|") for line in (DOCS / page).read_text(encoding="utf-8").splitlines() if line.startswith("| "))
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row[column])}


def test_the_page_of_use_has_every_verb():
    verbs = {words.split()[0] for words in cells("using.md")}
    assert verbs == set(cli.list_commands(click.Context(cli)))


def test_the_page_of_deployment_has_every_key():
    assert {*OPTIONS} | {field.name for field in fields(Deployment)} <= cells("deployment.md")


def test_the_page_of_the_worker_has_every_variable_mode_and_exit_code():
    variables = set(re.findall(r"\bDUCTWORK_[A-Z_]+[A-Z]\b", inspect.getsource(environment)))
    assert variables <= cells("worker.md")
    assert {mode for mode in work.MODES if mode} <= cells("worker.md")
    codes = {str(code) for name, code in vars(exit_codes).items() if name.isupper()}
    assert codes <= set(re.findall(r"^\| (\d+) \|", (DOCS / "worker.md").read_text(encoding="utf-8"), re.M))


def test_glossary_gives_each_word_one_meaning():
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| `", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.M)
    words = [word.strip() for row in rows for word in row.split(",")]
    assert len(words) > 50
    assert [word for word, count in Counter(words).items() if count > 1] == []


def test_the_changelog_mends_nothing_that_was_never_released():
    text = CHANGELOG.read_text(encoding="utf-8")
    headings = re.findall(r"^###? (.+)$", text, re.M)
    before_any_release = [each for each in headings if not each.startswith("Added")]
    assert before_any_release == ["Unreleased"] or any(re.match(r"\d", each) for each in headings)


def test_docstrings_name_modules_that_exist():
    """Roles such as :mod: in docstrings and comments; those that begin with a dot are in the file's own folder."""
    wrong = []
    for package in PACKAGES:
        for path in package.rglob("*.py"):
            here = ".".join(path.relative_to(package.parent).parts[:-1])
            for name in ROLE.findall(path.read_text(encoding="utf-8")):
                dotted = f"{here}{name}" if name.startswith(".") else name
                if dotted.startswith("ductwork") and not is_named(dotted):
                    wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert wrong == []
