"""A DAG folder as an archive: the same content is the same hash, and what comes out is what went in."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from ductwork_airflow.dag_code import tree
from ductwork_airflow.dag_code.archive import Bundle, pack, unpack
from ductwork_airflow.dag_code.tree import DagCodeError

FILES = {
    "dag.py": "import helpers.load",
    "helpers/__init__.py": "",
    "helpers/load.py": "x = 1",
    "sql/größe.sql": "select 1",
    ".airflowignore": "helpers/",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / "dags" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (tmp_path / "dags" / "run.sh").write_text("#!/bin/sh")
    (tmp_path / "dags" / "run.sh").chmod(0o755)
    (tmp_path / "dags" / "empty").mkdir()
    return tmp_path / "dags"


def packed(folder: Path) -> Bundle:
    into = folder.parent / "packed"
    into.mkdir(exist_ok=True)
    return pack(folder, into)


def content(folder: Path) -> dict[str, tuple[bytes, bool]]:
    return {
        str(path.relative_to(folder)): (b"" if path.is_dir() else path.read_bytes(), os.access(path, os.X_OK))
        for path in sorted(folder.rglob("*"))
    }


def test_what_comes_out_is_what_went_in(folder: Path, tmp_path: Path) -> None:
    bundle = packed(folder)
    unpack(bundle.path, bundle.hash, tmp_path / "out")
    assert content(tmp_path / "out") == content(folder)
    assert (bundle.path.name, bundle.files, bundle.left_out) == (f"{bundle.hash}.zip", 6, ())


def test_times_places_and_what_tools_leave_do_not_count(folder: Path, tmp_path: Path) -> None:
    before = packed(folder)
    archive = before.path.read_bytes()
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
    (folder / "helpers" / "__pycache__").mkdir()
    (folder / "helpers" / "__pycache__" / "load.cpython-311.pyc").write_bytes(b"compiled")
    moved = folder.rename(tmp_path / "elsewhere")
    after = packed(moved)
    assert (after.hash, after.path.read_bytes()) == (before.hash, archive)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "helpers/load.py").write_text("x = 2"),
        lambda folder: (folder / "helpers/load.py").rename(folder / "helpers/store.py"),
        lambda folder: (folder / "run.sh").chmod(0o644),
        lambda folder: (folder / "empty").rmdir(),
        lambda folder: (folder / "new.py").write_text(""),
    ],
)
def test_content_names_and_permission_to_run_count(folder, change) -> None:
    before = packed(folder).hash
    change(folder)
    assert packed(folder).hash != before


def test_the_hash_does_not_depend_on_how_it_is_packed(folder: Path, tmp_path: Path) -> None:
    """Compression differs from one zlib to another."""
    bundle = packed(folder)
    with zipfile.ZipFile(bundle.path) as old, zipfile.ZipFile(tmp_path / "other.zip", "w") as new:
        for member in reversed(old.infolist()):
            content = old.read(member)
            member.compress_type = zipfile.ZIP_STORED
            new.writestr(member, content)
    assert (tmp_path / "other.zip").read_bytes() != bundle.path.read_bytes()
    unpack(tmp_path / "other.zip", bundle.hash, tmp_path / "out")


def test_links_are_followed_and_what_is_left_out_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "common.py").write_text("y = 1")
    (folder / "shared").symlink_to(tmp_path / "shared")
    (folder / "gone.py").symlink_to(tmp_path / "nowhere.py")
    (folder / "data.csv").write_text("1")
    (folder / ".ductworkignore").write_text("*.csv\n!keep.csv\n")
    os.mkfifo(folder / "pipe")
    bundle = packed(folder)
    with zipfile.ZipFile(bundle.path) as archive:
        assert archive.read("shared/common.py") == b"y = 1"
        assert "data.csv" not in archive.namelist()
    assert bundle.left_out == (
        ("data.csv", "named in .ductworkignore"),
        ("gone.py", f"a link that leads to no file: {tmp_path / 'nowhere.py'}"),
        ("pipe", "neither a file nor a folder"),
    )


def test_a_link_that_leads_back_is_refused(folder: Path) -> None:
    (folder / "helpers" / "all").symlink_to(folder)
    with pytest.raises(DagCodeError, match=r"helpers/all/? leads back to a folder above it"):
        packed(folder)


def test_the_limit_is_said(folder: Path) -> None:
    with (folder / "data.bin").open("wb") as sparse:
        sparse.truncate(tree.LIMIT_BYTES)
    with pytest.raises(DagCodeError, match="more than 256 MiB, which is the limit"):
        packed(folder)
    (folder / ".ductworkignore").write_text("/data.bin")
    assert packed(folder).size < 10_000


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DagCodeError, match="dags is no folder"):
        pack(tmp_path / "dags", tmp_path)


def _outside(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside.py", "")


def _other(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.py", "")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "it is no archive of DAG code"),
        (lambda path: path.write_bytes(b""), "it is no archive of DAG code"),
        (_outside, "a file outside of it: '../outside.py'"),
        (_other, "has the hash .*: it was written over"),
    ],
)
def test_another_content_is_refused(folder, tmp_path, damage, says) -> None:
    bundle = packed(folder)
    damage(bundle.path)
    with pytest.raises(DagCodeError, match=says):
        unpack(bundle.path, bundle.hash, tmp_path / "out")
    assert not (tmp_path / "outside.py").exists()
