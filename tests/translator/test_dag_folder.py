"""A folder of DAG files holds what Airflow sees in it: its ignore files, its links, its heuristic."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from airflow_versions import DagBag
from cli_process import ductwork
from code_cases import bash, in_dag, packaged
from compiling import HEADER, codes, compile_files, write_dag
from ductwork.diagnostics import Diagnostics
from ductwork.frontend.folder import dag_files


def put(folder, *names):
    """DAG files, each with a DAG named as the file."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_dag(path.parent, in_dag(bash()).replace("'case'", f"{path.stem!r}"), name=path.name)


def seen(folder):
    """DAG id -> the DAG file's path in the bundle, and the codes of what is reported."""
    compiled = compile_files(folder)
    return {each.dag_id: each.dag_file for each in compiled.workflows}, codes(compiled.diagnostics)


def airflow_sees(folder):
    bag = DagBag(dag_folder=str(folder))
    return {dag_id: str(Path(dag.fileloc).relative_to(folder)) for dag_id, dag in bag.dags.items()}


GLOB = ["old", "draft_*.py", "!draft_kept.py", "/top.py", "# a comment", "a/**/deep.py"]
REGEXP = ["old/", r"draft_\d", r"^top\.py", "# a comment"]
FILES = [
    *("good.py", "top.py", "old/gone.py", "draft_1.py", "draft_kept.py"),
    *("a/b/deep.py", "a/inner_top.py", "team/kept.py", "team/old.py", "a/old/gone_too.py"),
]


@pytest.mark.parametrize(("syntax", "patterns"), [("glob", GLOB), ("regexp", REGEXP)])
def test_ignore_files_are_heeded(syntax, patterns, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX", syntax)
    put(tmp_path, *FILES)
    (tmp_path / ".airflowignore").write_text("\n".join(patterns))
    (tmp_path / "team" / ".airflowignore").write_text("old.py" if syntax == "glob" else r"team/old\.py")
    expected = airflow_sees(tmp_path)
    assert {"good", "kept"} <= expected.keys()
    assert not {"gone", "draft_1", "top", "old"} & expected.keys()
    assert seen(tmp_path) == (expected, [])


def test_ignore_files_above_a_folder_of_the_dags_folder_hold_in_it(tmp_path, monkeypatch):
    put(tmp_path, "team/kept.py", "team/old.py")
    (tmp_path / ".airflowignore").write_text("team/old.py")
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path))
    assert seen(tmp_path / "team") == ({"kept": "team/kept.py"}, [])


def test_an_ignored_file_that_is_named_is_loaded(tmp_path):
    put(tmp_path, "old.py")
    (tmp_path / ".airflowignore").write_text("old.py")
    assert seen(tmp_path) == ({}, ["DW109"])
    assert seen(tmp_path / "old.py") == ({"old": "old.py"}, [])


def test_the_layout_of_git_sync(tmp_path):
    """A link to the folder of a commit; the DAGs folder is below the link, or the link is in it."""
    put(tmp_path / ".worktrees" / "0a1b2c", "dags/nightly.py", "dags/team/weekly.py")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "repo").symlink_to(tmp_path / ".worktrees" / "0a1b2c")
    below = {"nightly": "nightly.py", "weekly": "team/weekly.py"}
    assert airflow_sees(tmp_path / "root" / "repo" / "dags") == below
    assert seen(tmp_path / "root" / "repo" / "dags") == (below, [])
    inside = {name: f"repo/dags/{file}" for name, file in below.items()}
    assert airflow_sees(tmp_path / "root") == inside
    assert seen(tmp_path / "root") == (inside, [])
    assert seen(tmp_path / "root" / "repo" / "dags" / "nightly.py") == ({"nightly": "nightly.py"}, [])


def test_a_linked_file_is_where_its_link_is(tmp_path):
    """There it finds its helpers and its data, under Airflow as here."""
    shop = "import linked_helper\nfrom pathlib import Path\nDAY = (Path(__file__).parent / 'day.txt').read_text()\n"
    (tmp_path / "shared").mkdir()
    (tmp_path / "dags").mkdir()
    write_dag(tmp_path / "shared", shop + in_dag(bash()), name="source.py")
    (tmp_path / "dags" / "linked.py").symlink_to(tmp_path / "shared" / "source.py")
    (tmp_path / "dags" / "linked_helper.py").write_text("")
    (tmp_path / "dags" / "day.txt").write_text("monday")
    assert seen(tmp_path / "dags") == ({"case": "linked.py"}, [])
    assert seen(tmp_path / "dags" / "linked.py") == ({"case": "linked.py"}, [])


def test_the_dags_folder_by_another_name(tmp_path, monkeypatch):
    """Who reaches a DAG file by a link from outside gets its path in the bundle all the same."""
    put(tmp_path / "dags", "team/case.py")
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags"))
    (tmp_path / "current").symlink_to(tmp_path / "dags")
    (tmp_path / "mine").symlink_to(tmp_path / "dags" / "team")
    for named in ("dags", "current", "mine", "mine/case.py", "current/team/case.py", "mine/.."):
        assert seen(tmp_path / named) == ({"case": "team/case.py"}, []), named


def test_links_in_a_circle_are_refused_as_airflow_refuses_them(tmp_path):
    put(tmp_path, "good.py")
    (tmp_path / "again").symlink_to(tmp_path)
    with pytest.raises(RuntimeError, match="recursive loop"):
        airflow_sees(tmp_path)
    (finding,) = compile_files(tmp_path).diagnostics
    assert (finding.code, finding.origin.file) == ("DW101", str(tmp_path))
    assert "recursive loop" in finding.what
    (tmp_path / ".airflowignore").write_text("again\n")
    assert seen(tmp_path) == ({"good": "good.py"}, [])


def test_a_link_that_leads_nowhere_is_told(tmp_path):
    put(tmp_path, "good.py")
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    assert airflow_sees(tmp_path).keys() == {"good"}
    assert seen(tmp_path) == ({"good": "good.py"}, ["DW114"])


def test_a_folder_that_cannot_be_read_is_told():
    """As nobody, for nothing is out of the reach of root."""
    folder, diagnostics = Path(tempfile.mkdtemp(dir="/tmp")), Diagnostics()
    try:
        put(folder, "good.py", "lost/found.py")
        for path in (folder, folder / "good.py"):
            path.chmod(0o755)
        (folder / "lost").chmod(0)
        if os.geteuid() == 0:
            os.seteuid(65534)
        try:
            files = dag_files(str(folder), diagnostics)
        finally:
            if os.getuid() == 0:
                os.seteuid(0)
        (finding,) = diagnostics
        assert (finding.code, finding.origin.file) == ("DW114", str(folder / "lost"))
        assert "Permission denied" in finding.what
        assert files == [str(folder / "good.py")]
    finally:
        (folder / "lost").chmod(0o755)
        shutil.rmtree(folder)


def test_airflow_s_own_heuristic_is_asked(tmp_path, monkeypatch):
    """By default a file mentions airflow, and dag or asset; [core] may name another, or none."""
    write_dag(
        tmp_path,
        "from airflow.sdk import asset\n@asset(schedule=None)\ndef orders():\n    pass\n".replace("dag", ""),
        name="orders.py",
        header="",
    )
    write_dag(tmp_path, "def make(name):\n    return DAG(name)\n", name="hidden_maker.py")
    write_dag(tmp_path, "import hidden_maker\nx = hidden_maker.make('short')\n", name="short.py", header="")
    assert seen(tmp_path)[0].keys() == {"orders"} == airflow_sees(tmp_path).keys()
    monkeypatch.setenv("AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE", "False")
    assert seen(tmp_path)[0].keys() == {"orders", "short"}
    monkeypatch.setenv("AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE", "True")
    monkeypatch.setenv("AIRFLOW__CORE__MIGHT_CONTAIN_DAG_CALLABLE", "hidden_heuristic.find")
    monkeypatch.syspath_prepend(tmp_path / "config")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "hidden_heuristic.py").write_text(
        "def find(file_path, zip_file=None):\n    return {'short.py': True}[file_path.rsplit('/', 1)[-1]]\n"
    )
    compiled = compile_files(tmp_path)
    assert [workflow.dag_id for workflow in compiled.workflows] == ["short"]
    assert set(codes(compiled.diagnostics)) == {"DW112"}
    assert "hidden_heuristic.py:2 in find" in next(iter(compiled.diagnostics)).what


def test_packaged_dags_are_told(tmp_path):
    put(tmp_path, "good.py")
    (tmp_path / "packed.zip").write_bytes(packaged(HEADER + in_dag(bash())))
    (tmp_path / "wheel.zip").write_bytes(packaged("x = 1\n"))
    (tmp_path / "table.xlsx").write_bytes(packaged(HEADER))
    compiled = compile_files(tmp_path)
    assert [(each.code, each.origin.file) for each in compiled.diagnostics] == [("DW113", str(tmp_path / "packed.zip"))]
    assert [artefact.dag_id for artefact in compiled.artefacts] == ["good"]
    done = ductwork("compile", tmp_path / "packed.zip", "-o", "-")
    assert (done.code, done.out) == (1, "")
    assert "DW113" in done.err
