"""Every diagnostic code: exactly this finding for its bad files, at the right place, and none for files close to them."""

from __future__ import annotations

import re
from pathlib import Path

import code_cases
import code_cases_calls
import code_cases_chains
import code_cases_compiling
import code_cases_containers
import code_cases_deployment
import code_cases_loading
import pytest
from code_cases import CASES, COVERED_ELSEWHERE
from compiling import codes, compile_files, write_dag
from ductwork.diagnostics.catalogue import CODES
from ductwork.rules import BUILTIN
from headings import anchors

TESTS = Path(__file__).parent
ROOT = TESTS.parent


def compiled(folder, files, case, options):
    for name, content in files.items():
        if content == "":
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return compile_files(*(folder / path for path in case.paths), **options)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_gives_the_code(case, tmp_path, monkeypatch):
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value)
    made = compiled(tmp_path, case.bad, case, case.options)
    (finding,) = made.diagnostics
    place, line = case.place()
    if line == 0 and "" in case.bad.values():
        place = next(name for name, content in case.bad.items() if content == "")
    assert finding.code == case.code, str(finding)
    assert finding.severity is CODES[case.code].severity
    assert Path(finding.origin.file).name == Path(place).name
    # A finding about the whole file names no line.
    assert finding.origin.line == line
    assert (finding.dag_id, finding.task_id, finding.field) == (case.dag_id, case.task, case.field)
    assert finding.what
    assert finding.hint
    assert bool(made.artefacts) == (CODES[case.code].severity != "error" and case.code != "DW109")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_good_gives_nothing(case, tmp_path, monkeypatch):
    for name, value in case.good_environment.items():
        monkeypatch.setenv(name, value)
    options = case.options if case.good_options is None else case.good_options
    made = compiled(tmp_path, case.good, case, options)
    assert [str(finding) for finding in made.diagnostics] == []
    assert made.artefacts


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_covered(code):
    if code in COVERED_ELSEWHERE:
        path = TESTS / COVERED_ELSEWHERE[code]
        assert path.is_file(), f"{path} does not exist: name the test of {code} in code_cases.COVERED_ELSEWHERE"
        assert code in path.read_text(encoding="utf-8"), f"{path} says nothing of {code}"
    else:
        assert code in {case.code for case in CASES}, (
            f"{code} has no bad and good case in tests/support/code_cases_*.py"
        )


def test_the_tables_agree_with_the_catalogue():
    assert {case.code for case in CASES} | COVERED_ELSEWHERE.keys() == CODES.keys()
    assert len({case.id for case in CASES}) == len(CASES)
    modules = (code_cases, code_cases_chains, code_cases_loading, code_cases_compiling, code_cases_containers)
    modules += (code_cases_deployment, code_cases_calls)
    assert all(module.__doc__ for module in modules)


@pytest.mark.parametrize("code", CODES)
def test_codes_are_explained(code):
    assert re.fullmatch(r"DW[1-6]\d\d", code)
    entry = CODES[code]
    assert entry.title and not entry.title.endswith(".")
    assert len(entry.explanation) > len(entry.title) and entry.explanation.rstrip("' }").endswith(".")


SOURCES = {code: entry.source for code, entry in CODES.items()} | {rule.name: rule.source for rule in BUILTIN}
PUBLIC = ("https://docs.aws.amazon.com/", "https://airflow.apache.org/docs/", "https://docs.python.org/3/")


@pytest.mark.parametrize("name", SOURCES)
def test_codes_and_rules_have_a_source(name):
    """A public page, a section of ours that exists, or a script that shows what was measured."""
    page, _, section = SOURCES[name].partition("#")
    if page.startswith(PUBLIC):
        assert re.fullmatch(r"\S+/[\w-]+\.html", page)
    elif page.startswith("findings/"):
        assert page.endswith(".sh") and (ROOT / page).is_file()
    else:
        assert re.fullmatch(r"docs/[\w-]+\.md", page), page
        assert section in {"", *anchors(ROOT / page)}


def test_all_findings_of_all_files_are_reported_at_once(tmp_path):
    one = write_dag(
        tmp_path,
        code_cases.in_dag(code_cases.bash(more=", executor_config={'ductwork': {'nope': 1}}, pool='p'")),
        name="one.py",
    )
    two = write_dag(tmp_path, "x = 1,,", name="two.py", header="")
    three = write_dag(tmp_path, code_cases.in_dag(code_cases.bash()).replace("'case'", "'three'"), name="three.py")
    made = compile_files(one, two, three)
    assert codes(made.diagnostics) == ["DW102", "DW308", "DW202"]
    # What is wrong with one DAG does not keep the others from being compiled.
    assert [artefact.dag_id for artefact in made.artefacts] == ["three"]
